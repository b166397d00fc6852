"""The ``ledgerbell`` command."""
