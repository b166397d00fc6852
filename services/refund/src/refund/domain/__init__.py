"""What may become of a refund, and what is said of it."""
