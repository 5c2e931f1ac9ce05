"""The tables of the ledger in an SQLite file."""

from __future__ import annotations

from litellm_plugins.storage.migrations import Migration, add_columns

_FIELDS = {"shared": "TEXT NOT NULL DEFAULT ''", "by_holder": "TEXT NOT NULL DEFAULT ''"}
_AMOUNTS = (
    "{0}usd INTEGER NOT NULL DEFAULT 0, {0}tokens INTEGER NOT NULL DEFAULT 0, {0}requests INTEGER NOT NULL DEFAULT 0"
)

SCHEMA = (
    Migration(
        8,
        (
            # One window of one account. A rolling one has the key 0, and ends when all it ever held will have left it.
            f"""CREATE TABLE IF NOT EXISTS ledger_windows (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                account TEXT NOT NULL, key INTEGER NOT NULL, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,
                rolling INTEGER NOT NULL, {_AMOUNTS.format("spent_")}, {_AMOUNTS.format("reserved_")},
                {_AMOUNTS.format("unconfirmed_")}, limited INTEGER NOT NULL DEFAULT 0,
                limit_usd INTEGER, limit_tokens INTEGER, limit_requests INTEGER, UNIQUE (account, key))""",
            "CREATE INDEX IF NOT EXISTS ledger_windows_by_end ON ledger_windows (end_ms)",
            # `until_ms`: when the lease is over; of a call that holds none any more, when it may be forgotten.
            f"""CREATE TABLE IF NOT EXISTS ledger_calls (
                call_id TEXT PRIMARY KEY, state INTEGER NOT NULL, called INTEGER NOT NULL, until_ms INTEGER NOT NULL,
                {_AMOUNTS.format("")}) WITHOUT ROWID""",
            "CREATE INDEX IF NOT EXISTS ledger_calls_by_end ON ledger_calls (state, until_ms)",
            # Where a call holds its amount. `charged`: its lease lapsed, and the amount is part of what was spent.
            """CREATE TABLE IF NOT EXISTS ledger_lines (
                call_id TEXT NOT NULL, window_id INTEGER NOT NULL, at_ms INTEGER NOT NULL,
                charged INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (call_id, window_id)) WITHOUT ROWID""",
            """CREATE INDEX IF NOT EXISTS ledger_lines_charged ON ledger_lines (window_id, at_ms)
                WHERE charged = 1""",
            # What was spent in a rolling window, by when: to be taken off its sums when it leaves.
            f"""CREATE TABLE IF NOT EXISTS ledger_entries (
                window_id INTEGER NOT NULL, at_ms INTEGER NOT NULL, {_AMOUNTS.format("spent_")},
                {_AMOUNTS.format("unconfirmed_")}, PRIMARY KEY (window_id, at_ms)) WITHOUT ROWID""",
        ),
    ),
    Migration(
        11,
        (
            # `shared`: the account that counts for it once there are too many. `by_holder`: a `Limits.text`.
            add_columns("ledger_windows", **_FIELDS),
            """CREATE INDEX IF NOT EXISTS ledger_windows_by_shared ON ledger_windows (shared, key, end_ms)
                WHERE shared <> ''""",
        ),
    ),
)
