"""`python -m delta_neo4j`: the console command."""

from delta_neo4j.cli import main

main()
