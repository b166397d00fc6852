"""Gives money back: to the balance or to the card."""
