"""Every decision is one event; each sink tells it in its own place, with the same words."""
