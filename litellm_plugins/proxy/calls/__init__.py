"""The end of each client request: what is told of it, and once."""
