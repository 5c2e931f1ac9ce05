"""Compression: fewer tokens for the same request, and nothing that matters is touched. Pure."""
