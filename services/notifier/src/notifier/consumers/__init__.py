"""Events in: a consumer a lane, and one for what the broker gave up on."""
