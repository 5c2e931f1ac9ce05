"""The server is there and will not: each fault has its own reason, and what still works goes on working."""

from __future__ import annotations

import subprocess
import traceback
from pathlib import Path

import pytest

from litellm_plugins.cache.admin.audit import Record
from litellm_plugins.cache.backends.redis_fields import Names
from litellm_plugins.cache.backends.redis_journal import RedisJournal
from litellm_plugins.cache.backends.redis_labels import RedisLabelStore
from litellm_plugins.cache.backends.redis_spaces import RedisSpaces
from litellm_plugins.cache.store import Selector
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage import redis as storage
from tests.conformance.entries import SPACE, at, key_of
from tests.redis.asking import healed, lasting, near, put, refusal
from tests.redis.conftest import ServerMaker, StoreOpener
from tests.support import eventually, free_port

SECRET = "hunter2-%40-correct"  # percent-encoded, as in a URL


async def test_a_password_opens_the_store(start_server: ServerMaker, open_store: StoreOpener) -> None:
    server = start_server(password="hunter2@correct")
    store = open_store(f"redis://:hunter2%40correct@127.0.0.1:{server.port}")
    await put(store, lasting("a"))
    assert await near(store) == {"a"}


@pytest.mark.parametrize("user", ["", ":", f":{SECRET}@", f"default:{SECRET}@", f"nobody:{SECRET}@"])
async def test_a_wrong_password_is_refused_and_never_repeated(
    start_server: ServerMaker, open_store: StoreOpener, user: str
) -> None:
    """Not in the error, and not in the trace of where it came from."""
    server = start_server(password="another")
    store = open_store(f"redis://{user.removesuffix(':')}127.0.0.1:{server.port}")
    with pytest.raises(StoreUnavailable) as caught:
        await store.get("t", key_of("a"))
    assert caught.value.reason == "store_refused"
    told = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in told
    assert await refusal(store) == "store_refused"


async def test_a_password_that_was_mended_on_the_server_is_tried_again(
    start_server: ServerMaker, open_store: StoreOpener
) -> None:
    server = start_server(password="old")
    store = open_store(f"redis://:new@127.0.0.1:{server.port}")
    assert await refusal(store) == "store_refused"
    server.call("CONFIG", "SET", "requirepass", "new")
    await healed(store)


async def test_a_user_who_may_only_read_still_hits(start_server: ServerMaker, open_store: StoreOpener) -> None:
    """One command that is not allowed closes the way to none that is."""
    server = start_server()
    await put(open_store(server), lasting("a"))
    server.call("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@all", "-hset")
    store = open_store(f"redis://reader:pw@127.0.0.1:{server.port}")
    for _ in range(3):
        with pytest.raises(StoreUnavailable) as caught:
            await put(store, lasting("b"))
        assert caught.value.reason == "store_forbidden"
        assert await store.get("t", key_of("a")) is not None
        assert await near(store) == {"a"}


async def test_a_user_with_no_more_rights_than_the_manual_says_can_do_everything(
    start_server: ServerMaker, open_store: StoreOpener
) -> None:
    server = start_server()
    rights = _rights_in_the_manual()
    assert "+ft.search" in rights
    server.call("ACL", "SETUSER", "pack", "on", ">pw", "~litellm_plugins:*", "resetchannels", "-@all", *rights)
    store = open_store(f"redis://pack:pw@127.0.0.1:{server.port}")
    await put(store, lasting("a", tags=("x",)), lasting("b"))
    assert await near(store) == {"a", "b"}
    await store.extend("t", key_of("a"), lasting().expires_at + 50)
    assert len(await store.find(Selector(tag="x"), limit=5)) == 1
    assert (await store.stats()).entries == 2
    assert await store.remove(Selector(tag="x")) == 1

    connection = storage.RedisServer(f"redis://pack:pw@127.0.0.1:{server.port}", timeout_s=5, max_connections=2)
    journal = RedisJournal(connection, Names("litellm_plugins"))
    await journal.append(Record(0.0, "a", "warm", 1))
    assert len(await journal.latest(limit=5)) == 1
    labels = RedisLabelStore(connection, Names("litellm_plugins"))
    await labels.save_fit("d", 1, b"fit")
    assert await labels.newest_fit("d", above=0) == (1, b"fit")
    spaces = RedisSpaces(connection, Names("litellm_plugins"))
    assert await spaces.claim("one", 60)
    (found,) = (await spaces.elsewhere("fake:2", after=None, limit=5)).found
    assert await spaces.move(found, vector=at(0), space="fake:2")
    assert await spaces.count_elsewhere("fake:2") == 0
    assert await spaces.claim("one", 0)
    await connection.aclose()


async def test_a_replica_serves_and_takes_nothing(start_server: ServerMaker, open_store: StoreOpener) -> None:
    first = start_server(repl_diskless_sync_delay="0")
    replica = start_server(replicaof=f"127.0.0.1 {first.port}")
    await put(open_store(first), lasting("a"))
    eventually(lambda: replica.call("DBSIZE") == 1, what="the replica to follow")
    store = open_store(replica)
    assert await store.get("t", key_of("a")) is not None
    with pytest.raises(StoreUnavailable) as caught:
        await store.put("t", lasting("b"), vector=None, space="")
    assert caught.value.reason == "store_read_only"
    assert await store.get("t", key_of("a")) is not None


async def test_a_server_without_search_serves_the_exact_layer(
    start_server: ServerMaker, open_store: StoreOpener
) -> None:
    store = open_store(start_server(search=False))
    for name in ("a", "b"):
        await put(store, lasting(name))
        for call in (near(store), store.find(Selector(tenant="t"), limit=5), store.remove(Selector(tenant="t"))):
            with pytest.raises(StoreUnavailable) as caught:
                await call
            assert caught.value.reason == "store_lacks_search"
        assert await store.get("t", key_of(name)) is not None


async def test_one_node_that_enforces_a_clusters_rules_is_content_with_every_command(
    start_server: ServerMaker, open_store: StoreOpener
) -> None:
    """No command names keys of two slots, so what stands before a cluster (Redis Cloud, Enterprise) lets all pass.

    Neighbours are left out: this build of the search engine hands out no fields in cluster mode.
    """
    server = start_server(cluster_enabled="yes", cluster_port=str(free_port()))
    server.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    eventually(lambda: "cluster_state:ok" in str(server.call("CLUSTER", "INFO")), what="the cluster to form")
    store = open_store(server)
    for number in range(30):
        await put(store, lasting(str(number), tags=("x",)))
        await store.put("u", lasting(str(number)), vector=at(0), space=SPACE)
    assert len({server.call("CLUSTER", "KEYSLOT", key) for key in server.call("KEYS", "*")}) > 30
    later = lasting().expires_at + 50
    await store.extend("t", key_of("1"), later)
    extended = await store.get("t", key_of("1"))
    assert extended is not None
    assert extended.expires_at == later
    assert len(await store.find(Selector(tag="x"), limit=50)) == 30
    assert await store.remove(Selector(tag="x")) == 30
    assert server.call("DBSIZE") == 30
    assert await store.get("u", key_of("1")) is not None


async def test_a_node_of_a_larger_cluster_is_told_apart(start_server: ServerMaker, open_store: StoreOpener) -> None:
    """The store speaks to one endpoint: half of the keys would be somewhere else."""
    server = start_server(cluster_enabled="yes", cluster_port=str(free_port()), cluster_require_full_coverage="no")
    store = open_store(server)
    with pytest.raises(StoreUnavailable) as caught:
        await store.get("t", key_of("a"))
    assert caught.value.reason == "store_clustered"


async def test_tls_is_spoken_to_whom_its_authority_vouches_for(
    start_server: ServerMaker, open_store: StoreOpener, tmp_path: Path
) -> None:
    certificate, key = _certificate(tmp_path)
    server = start_server(tls_port=True, tls_cert_file=certificate, tls_key_file=key, tls_auth_clients="no")
    trusting = open_store(f"rediss://127.0.0.1:{server.tls_port}?ssl_ca_certs={certificate}")
    await put(trusting, lasting("a"))
    assert await near(trusting) == {"a"}
    assert await refusal(open_store(f"rediss://127.0.0.1:{server.tls_port}")) == "store_unreachable"
    assert await refusal(open_store(f"rediss://127.0.0.1:{server.port}", timeout_s=0.3)) == "store_timeout"


def _rights_in_the_manual() -> list[str]:
    manual = (Path(__file__).parents[2] / "docs/redis.md").read_text(encoding="utf-8")
    return manual.partition("`~PREFIX:*` and\n`")[2].partition("`")[0].split()


def _certificate(folder: Path) -> tuple[str, str]:
    certificate, key = str(folder / "server.pem"), str(folder / "server.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key
