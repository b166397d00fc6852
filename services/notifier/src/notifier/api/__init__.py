"""Requests in: a user's own history and stream, and what gateways ask for many users at once."""
