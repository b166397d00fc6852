"""The history of the notifier's schema."""
