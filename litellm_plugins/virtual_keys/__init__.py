"""Virtual keys without a database: kept in YAML by their hash, made and found here."""
