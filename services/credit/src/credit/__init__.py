"""Keeps the ledger of prepaid credits."""
