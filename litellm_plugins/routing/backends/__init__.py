"""What workers tell each other of conversations, in SQLite and in Redis."""
