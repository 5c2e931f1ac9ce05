"""Requests that are not fit to be asked; `stage` is where it begins."""
