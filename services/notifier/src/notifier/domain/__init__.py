"""Rules of the notifier: what is shown, in which words, and what a cursor is worth; plain Python."""
