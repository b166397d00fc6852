"""Sees what is unusual on an account, and asks its owner."""
