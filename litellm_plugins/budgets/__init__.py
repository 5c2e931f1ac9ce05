"""Budgets that hold: what a request may cost is reserved before it is made, and settled when its cost is known."""
