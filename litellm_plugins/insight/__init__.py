"""Where the money goes, by the hour, and what about it is strange."""
