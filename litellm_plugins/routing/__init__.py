"""Routing: the cheapest model that is good enough for a conversation."""
