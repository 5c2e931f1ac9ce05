"""What workers tell each other of prompts, in SQLite and in Redis."""
