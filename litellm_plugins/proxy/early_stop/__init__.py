"""Streams that are ended before their provider ends them; `stage` is where it begins."""
