"""What the backends share: the one SQLite file."""
