"""Exact and semantic answers: keys and matching are pure, stores hold the entries."""
