"""Tables, and the statements that read and change them."""
