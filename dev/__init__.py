"""Local stack for a person at work: servers, sample data, a Spark session."""
