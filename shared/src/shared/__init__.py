"""What every Ledgerbell service stands on."""
