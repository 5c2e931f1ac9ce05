"""Where the ledger is kept: one module per store, all of them to the letter of `budgets.ledger.Ledger`."""
