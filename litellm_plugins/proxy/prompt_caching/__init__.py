"""Marks for the provider's prompt cache; `stage` is where it begins."""
