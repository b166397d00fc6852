"""Pushes what the notifier has stored to every open tab of its owner."""
