"""Output limits, and answers in JSON with short keys; `stage` is where it begins."""
