"""Use cases: paying, hearing from providers, refunding, and looking again."""
