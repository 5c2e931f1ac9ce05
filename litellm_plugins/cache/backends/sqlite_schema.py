"""The tables of the embedded store, version by version."""

from __future__ import annotations

from litellm_plugins.storage.migrations import Migration, add_columns

# What each version added; a file of any of them is brought up to date when it is opened. Never alter a released one.
SCHEMA = (
    Migration(
        1,
        (
            """CREATE TABLE IF NOT EXISTS cache_entries (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                tenant TEXT NOT NULL, key BLOB NOT NULL, partition BLOB NOT NULL, question TEXT, body BLOB NOT NULL,
                model TEXT NOT NULL, provider TEXT NOT NULL, cost_nano_usd INTEGER NOT NULL,
                prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
                created_at REAL NOT NULL, expires_at REAL NOT NULL, used_at REAL NOT NULL,
                space TEXT, vector BLOB, UNIQUE (tenant, key))""",
            # Ids are never used twice (AUTOINCREMENT), so "what came after id N" is all an index needs to ask.
            """CREATE INDEX IF NOT EXISTS cache_entries_by_partition ON cache_entries (partition, tenant, space, id)
                WHERE vector IS NOT NULL""",
            "CREATE INDEX IF NOT EXISTS cache_entries_by_expiry ON cache_entries (expires_at)",
            "CREATE INDEX IF NOT EXISTS cache_entries_by_use ON cache_entries (used_at)",
        ),
    ),
    Migration(
        2,
        (
            add_columns(
                "cache_entries",
                answer_id="BLOB NOT NULL DEFAULT x''",
                origin="TEXT NOT NULL DEFAULT ''",
                model_group="TEXT NOT NULL DEFAULT ''",
                namespace="TEXT NOT NULL DEFAULT ''",
                tags="TEXT NOT NULL DEFAULT '[]'",
                volatility="TEXT NOT NULL DEFAULT ''",
                pinned="INTEGER NOT NULL DEFAULT 0",
            ),
            # For administrators: one entry by its public handle, and all that bear a tag.
            "CREATE INDEX IF NOT EXISTS cache_entries_by_key ON cache_entries (key)",
            """CREATE INDEX IF NOT EXISTS cache_entries_by_namespace ON cache_entries (namespace)
                WHERE namespace <> ''""",
            "CREATE INDEX IF NOT EXISTS cache_entries_by_model_group ON cache_entries (model_group)",
            """CREATE TABLE IF NOT EXISTS cache_tags (
                tag TEXT NOT NULL, entry_id INTEGER NOT NULL, PRIMARY KEY (tag, entry_id)) WITHOUT ROWID""",
            """INSERT OR IGNORE INTO cache_tags SELECT value, cache_entries.id FROM cache_entries, json_each(tags)
                WHERE tags <> '[]'""",
            """CREATE TRIGGER IF NOT EXISTS cache_entries_tagged AFTER INSERT ON cache_entries WHEN NEW.tags <> '[]'
                BEGIN INSERT OR IGNORE INTO cache_tags SELECT value, NEW.id FROM json_each(NEW.tags); END""",
            """CREATE TRIGGER IF NOT EXISTS cache_entries_gone AFTER DELETE ON cache_entries WHEN OLD.tags <> '[]'
                BEGIN DELETE FROM cache_tags WHERE entry_id = OLD.id
                    AND tag IN (SELECT value FROM json_each(OLD.tags)); END""",
        ),
    ),
)
