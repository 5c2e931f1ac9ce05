"""Summaries of old turns that workers share, in SQLite and in Redis."""
