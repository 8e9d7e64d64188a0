"""The console command: one file a command, its options, progress and local Spark; only this folder reads argv."""
