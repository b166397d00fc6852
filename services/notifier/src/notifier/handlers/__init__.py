"""Use cases: store what came, read what is there, mark what was seen."""
