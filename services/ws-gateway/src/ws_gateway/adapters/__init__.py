"""Sockets, frames, tickets, and the services behind the gateway."""
