"""Deferral in the running proxy: who is put off, the worker that sends batches, and the routes."""
