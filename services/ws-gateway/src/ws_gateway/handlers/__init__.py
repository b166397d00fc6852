"""Use cases: who is connected, what each tab has, and how it gets the rest."""
