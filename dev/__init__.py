"""The local stack for work on the project: servers, sample data, a Java for Spark."""
