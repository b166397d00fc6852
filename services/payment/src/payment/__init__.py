"""Takes top-ups through payment providers, and refunds them there."""
