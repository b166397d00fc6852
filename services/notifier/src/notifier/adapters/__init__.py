"""The notifier's database and what it puts on the broker."""
