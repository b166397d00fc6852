"""Tables, and the file of rules."""
