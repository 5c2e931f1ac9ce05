"""Keepers of `FlightStore`: on the SQLite file, and on Redis."""
