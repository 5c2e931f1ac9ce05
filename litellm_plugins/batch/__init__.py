"""Requests that may wait: queued, sent in the provider's batches, answered later at half the price."""
