"""Answers in the wire shapes of the endpoints: replayed as a stream, and put together from one. Pure."""
