"""Two providers that are not ours, to run against: one takes payments, one sells numbers; both fail on request."""
