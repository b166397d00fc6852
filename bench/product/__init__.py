"""The product under measurement, driven through its own code and its own doors."""
