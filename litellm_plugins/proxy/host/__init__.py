"""What several stages need of the host: its routes, shapes, prices, models and quirks."""
