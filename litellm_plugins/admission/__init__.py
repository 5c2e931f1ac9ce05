"""How requests are let in: identical ones that are in flight at the same time become one call."""
