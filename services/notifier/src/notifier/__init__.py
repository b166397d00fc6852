"""Turns events into notifications, numbers them for their users, and tells the gateways."""
