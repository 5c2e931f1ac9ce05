"""Where passes are kept."""
