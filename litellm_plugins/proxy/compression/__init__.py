"""Shorter prompts in the running proxy; `stage` is where it begins, `history` comes before it."""
