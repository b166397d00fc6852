"""Sells SMS verifications: a number, a code, or the money back."""
