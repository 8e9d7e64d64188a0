"""`python -m delta_neo4j` runs the console command."""

from delta_neo4j.cli.console import main

main()
