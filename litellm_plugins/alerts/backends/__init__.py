"""Where the outbox is kept."""
