"""The settings of a run, and the origins of their values: flags, environment, env file, secret scope."""
