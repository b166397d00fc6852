"""Break the whole product from outside while money moves, then count what was lost."""
