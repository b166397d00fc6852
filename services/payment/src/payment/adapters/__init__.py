"""Tables, statements, and the providers outside."""
