"""Tables, and the statements that read and move what is in them."""
