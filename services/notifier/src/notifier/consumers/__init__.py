"""Events in: a consumer a lane, one for what the broker gave up on, and a watch over the dead."""
