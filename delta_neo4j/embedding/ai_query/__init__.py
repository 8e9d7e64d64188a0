"""The strategy `ai_query`: Databricks' own SQL function."""
