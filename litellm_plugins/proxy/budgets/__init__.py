"""Budgets in the running proxy: prices, reservations, bookings on every way out; `stage` is where it begins."""
