"""Traces in Langfuse: one per request, with spans of our decisions."""
