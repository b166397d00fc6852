"""What is unusual, in plain Python."""
