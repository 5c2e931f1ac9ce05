"""Prompts at rest: what the file holds, and what it takes to read it."""

# ruff: noqa: ASYNC240 - what blocks here holds up only its own test
from __future__ import annotations

import base64
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from litellm_plugins.cache.backends.encrypted import EncryptedStore
from litellm_plugins.cache.backends.sqlite import SCHEMA, SqliteCacheStore
from litellm_plugins.cache.store import CacheStore, Selector
from litellm_plugins.errors import SettingsError
from litellm_plugins.proxy.stores import open_stores
from litellm_plugins.settings import parse
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.storage.vault import key_from
from tests.conformance.entries import HOME, NOW, SPACE, at, entry

OLD, NEW = b"o" * 32, b"n" * 32
ASKED, SAID = "My account number is 4711-SECRET", b'{"answer":"Yours is 0815-HIDDEN"}'
Opener = Callable[..., CacheStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
async def open_store(path: Path) -> AsyncIterator[Opener]:
    """With no keys: without encryption."""
    opened: list[CacheStore] = []

    def open_one(*keys: bytes) -> CacheStore:
        plain = SqliteCacheStore(SqliteFile(path, schema=SCHEMA), max_bytes=10**8, clock=lambda: NOW)
        opened.append(EncryptedStore(plain, keys) if keys else plain)
        return opened[-1]

    yield open_one
    for store in opened:
        await store.aclose()


async def put(store: CacheStore, tenant: str = "t", name: str = ASKED) -> None:
    await store.put(tenant, entry(name, body=SAID), vector=at(0), space=SPACE)


async def served(store: CacheStore, tenant: str = "t", name: str = ASKED) -> tuple[bool, list[str]]:
    """Whether its key finds it, and which questions are its neighbours."""
    found = await store.get(tenant, entry(name).key)
    assert found is None or found == entry(name, body=SAID)
    return found is not None, [n.question for n in await store.nearest(tenant, HOME, at(0), space=SPACE, k=8)]


async def test_neither_the_file_nor_its_log_holds_a_word_of_it(open_store: Opener, path: Path) -> None:
    store = open_store(OLD)
    await put(store)
    assert await served(store) == (True, [ASKED])
    files = [part for part in path.parent.iterdir() if part.name.startswith(path.name)]
    assert {part.name for part in files} >= {path.name, f"{path.name}-wal"}
    in_the_log = b"".join(part.read_bytes() for part in files)
    await store.aclose()  # the log becomes part of the file
    for held in (in_the_log, path.read_bytes()):
        assert b"fake:1" in held, "what is in the clear is found like this"
        for secret in (b"4711", b"0815", base64.b64encode(ASKED.encode())[:20], base64.b64encode(SAID)[:20]):
            assert secret not in held


async def test_the_text_is_still_matched(open_store: Opener) -> None:
    store = open_store(OLD)
    for tenant, name in (("t", ASKED), ("u", ASKED), ("t", "¿DÓNDE está mi pedido?")):
        await put(store, tenant, name)
    assert await store.count(Selector(text="4711-secret")) == 2
    assert await store.count(Selector(text="4711-secret", tenant="u")) == 1
    assert [e.question for _, e in await store.find(Selector(text="dónde"), limit=5)] == ["¿DÓNDE está mi pedido?"]
    assert await store.remove(Selector(text="4711-secret")) == 2
    assert await served(store) == (False, ["¿DÓNDE está mi pedido?"])


async def test_after_a_change_of_keys_both_are_read_and_the_first_writes(open_store: Opener) -> None:
    await put(open_store(OLD))
    both = open_store(NEW, OLD)
    assert await served(both) == (True, [ASKED])
    await put(both, name="newer")
    assert (await served(open_store(NEW), name="newer"))[0]
    assert not (await served(open_store(NEW)))[0]
    assert await served(open_store(OLD), name="newer") == (False, [ASKED])


async def test_with_encryption_nothing_is_served_that_was_stored_without_and_the_other_way_round(
    open_store: Opener,
) -> None:
    """A garbled answer must never reach a client, nor a planted one be taken for ours."""
    await put(open_store(), name="plain")
    await put(open_store(OLD), name="sealed")
    assert await served(open_store(OLD), name="plain") == (False, ["sealed"])
    assert await served(open_store(), name="sealed") == (False, ["plain"])


@pytest.mark.parametrize("column", ["body", "question"])
async def test_a_text_moved_to_another_place_opens_nowhere(open_store: Opener, path: Path, column: str) -> None:
    """Somebody with the file in hand, but without the key, makes one tenant's answer another's."""
    store = open_store(OLD)
    await put(store, "t")
    await put(store, "u")
    await put(store, "t", "another")
    with closing(sqlite3.connect(path)) as db:
        stolen = f"(SELECT {column} FROM cache_entries WHERE id = 1)"
        db.execute(f"UPDATE cache_entries SET {column} = {stolen} WHERE id > 1")
        db.commit()
    assert (await served(store, "t"))[0]
    assert not (await served(store, "u"))[0]
    assert not (await served(store, "t", "another"))[0]


@pytest.mark.parametrize(
    "damage", ["X'00'", "X''", "zeroblob(40)", "substr(body, 1, 20)", "CAST(body || X'00' AS BLOB)"]
)
async def test_a_damaged_text_is_a_miss(open_store: Opener, path: Path, damage: str) -> None:
    store = open_store(OLD)
    await put(store)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"UPDATE cache_entries SET body = {damage}")
        db.commit()
    assert not (await served(store))[0]


def test_a_key_is_32_bytes_in_base64_or_hexadecimal() -> None:
    key = secrets.token_bytes(32)
    spelled = (base64.b64encode(key), base64.urlsafe_b64encode(key), key.hex().encode(), key.hex().upper().encode())
    for text in spelled:
        assert key_from(text.decode() + "\n") == key
    for wrong in ("", "hunter2-is-my-passphrase", key.hex()[:-2], base64.b64encode(key + b"x").decode()):
        with pytest.raises(ValueError, match="32 bytes") as caught:
            key_from(wrong)
        assert not wrong or wrong not in str(caught.value)


def test_keys_that_cannot_be_had_stop_the_boot_and_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT_KEY", "hunter2")
    settings = parse({"storage": {"encryption_keys_env": ["SHORT_KEY", "MISSING_KEY"]}})
    with pytest.raises(SettingsError) as caught:
        open_stores(settings)
    short, missing = caught.value.problems
    assert short.endswith("SHORT_KEY: expected 32 bytes in base64 or hexadecimal; `openssl rand -base64 32` makes some")
    assert missing.endswith("MISSING_KEY: the environment variable is not set")
    assert "hunter2" not in str(caught.value)


def test_a_key_in_the_settings_themselves_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"storage": {"encryption_keys_env": ["c2VjcmV0IGtleQ=="]}, "events": {"secret_env": "hunter2!"}})
    assert len(caught.value.problems) == 2
    assert all("NAME of an environment variable" in problem for problem in caught.value.problems)
    assert "c2Vj" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
