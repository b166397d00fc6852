"""What a payment and its refunds may become, in plain Python."""
