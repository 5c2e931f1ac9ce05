"""Routing in the running proxy; `stage` is where it begins."""
