"""The review loop, and end users' feedback; `loop` puts it together."""
