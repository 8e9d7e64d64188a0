"""The MiniLM model: weights, validation, registration in MLflow, serving, and the probe of its endpoint."""
