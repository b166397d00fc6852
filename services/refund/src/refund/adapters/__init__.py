"""Tables, the statements on them, and what stands outside."""
