"""Requests in: who may ask, what may be asked, and how the answer looks."""

from refund.api.refunds import refunds

__all__ = ["refunds"]
