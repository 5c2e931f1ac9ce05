"""Prompts encrypted at rest, on a running proxy."""

from __future__ import annotations

import base64
import secrets
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.support import Keys, Provider, RunningProxy, eventually, mark_of, proxy_config, proxy_env, write_config

KEY = base64.b64encode(secrets.token_bytes(32)).decode()
PACK = {"storage": {"encryption_keys_env": ["TEST_ENCRYPTION_KEY"]}}


def entries_in(database: Path) -> int:
    if not database.exists():
        return 0
    with closing(sqlite3.connect(database)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM cache_entries").fetchone()[0])
        except sqlite3.OperationalError:  # the schema is not there yet
            return 0


def test_the_disk_holds_no_word_of_what_is_served(
    provider: Provider, keys: Keys, question: str, tmp_path: Path
) -> None:
    env = {"TEST_ENCRYPTION_KEY": KEY}
    with RunningProxy(proxy_config(provider.url, pack=PACK), tmp_path, provider_url=provider.url, env=env) as proxy:
        first = proxy.ask(keys.support, question)
        eventually(lambda: entries_in(proxy.database) == 1, what="the answer to be stored")
        again = proxy.ask_streamed(keys.support, question)
        assert (again.cache, again.text) == ("exact", first.body.choices[0].message.content)
        similar = proxy.ask(keys.support, question.replace("What does", "What's it that does"))
        assert similar.cache in ("semantic", "miss")
        text = {"text": question[-40:].upper(), "dry_run": True}
        found = proxy.http("POST", "/plugins/cache/invalidate", proxy.master_key, json=text).json()
        assert found["would_remove"] >= 1
        assert question in {entry["question"] for entry in found["entries"]}
        told = proxy.http("POST", "/plugins/cache/invalidate", proxy.master_key, json={"text": question[-40:]})
        assert told.json()["removed"] >= 1
        on_disk = b"".join(part.read_bytes() for part in proxy.database.parent.iterdir())
    on_disk += b"".join(part.read_bytes() for part in proxy.database.parent.iterdir())
    assert b"cache_entries" in on_disk
    for words in (question, question[-40:], mark_of(question), first.body.id):
        assert words.encode() not in on_disk


def test_a_key_that_is_not_there_stops_the_boot_and_says_so(provider: Provider, tmp_path: Path) -> None:
    """Rather than to go on and to write in the clear."""
    path = write_config(tmp_path, proxy_config(provider.url, pack=PACK))
    litellm = Path(sys.executable).with_name("litellm")
    done = subprocess.run(
        [str(litellm), "--config", str(path), "--port", "1"],
        env=proxy_env(provider.url, tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 3
    assert "TEST_ENCRYPTION_KEY: the environment variable is not set" in done.stdout + done.stderr
