"""Where deferred requests are kept."""
