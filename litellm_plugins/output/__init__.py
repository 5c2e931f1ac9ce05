"""How long an answer may be, and what is said to keep it short. Pure: `proxy/output/stage.py` puts it into requests."""
