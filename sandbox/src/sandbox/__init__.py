"""Two providers that are not ours: one takes payments, one sells numbers; both fail on request."""
