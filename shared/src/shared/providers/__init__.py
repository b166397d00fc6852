"""What calling, reading and believing a provider has in common, whatever it provides."""
