"""The ledger on a Redis that is a cluster's node, restricted, full, evicting, or too slow to be waited for."""

from __future__ import annotations

import asyncio
import logging

import pytest

from litellm_plugins.budgets.amounts import NOTHING, Amounts, Limits
from litellm_plugins.budgets.ledger import Denied, Granted, Ledger
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.proxy.stores import open_stores
from litellm_plugins.settings import parse
from tests.redis.conftest import LedgerOpener, ServerMaker
from tests.support import eventually, free_port
from tests.support.ledgers import LEASE, NOW, held, line, rolling, usd
from tests.support.redis_server import RedisServer

TEAM = line("team/team=a", usd=100)
HOUR = line("hour", usd=100, span=rolling(3_600_000, NOW))
BOTH = (TEAM, HOUR)
# What docs/redis.md says a user with restricted rights needs for the ledger.
COMMANDS = (
    "+evalsha +eval +get +set +del +hmget +hset +zadd +zrem +zrange +zrangebyscore +zremrangebyrank +zscore +zcard "
    "+info +ping +client|setinfo"
)


async def through_every_method(ledger: Ledger) -> None:
    """All that the protocol has, and what must be left of it."""
    for call, amount in (("settled", 40), ("lapses", 20), ("raised", 10), ("raised", 30)):
        granted = await ledger.reserve(call, BOTH, usd(amount), now_ms=NOW, lease_ms=LEASE)
        assert isinstance(granted, Granted)
    refused = await ledger.reserve("denied", BOTH, usd(11), now_ms=NOW, lease_ms=LEASE)
    assert isinstance(refused, Denied)
    await ledger.called("lapses", now_ms=NOW, lease_ms=LEASE)
    assert (await ledger.settle("settled", usd(35), now_ms=NOW)).fresh
    assert await ledger.lapse(now_ms=NOW + LEASE) == 2
    for account in (TEAM.account, HOUR.account):
        assert await held(ledger, account, now_ms=NOW + LEASE) == (usd(55), NOTHING, usd(20))
    await ledger.limit(TEAM, Limits(nano_usd=56), now_ms=NOW + LEASE)
    later = {"now_ms": NOW + LEASE, "lease_ms": LEASE}
    assert isinstance(await ledger.reserve("denied", BOTH, usd(2), **later), Denied)
    assert await ledger.reset(TEAM.account, now_ms=NOW + LEASE) == 1
    assert isinstance(await ledger.reserve("granted", [TEAM], usd(100), **later), Granted)


async def test_a_clusters_node_runs_every_script(start_server: ServerMaker, open_ledger: LedgerOpener) -> None:
    """It refuses a script that uses keys of two slots, and a node that has not all slots would answer MOVED."""
    server = start_server(cluster_enabled="yes", cluster_port=str(free_port()))
    server.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    eventually(lambda: "cluster_state:ok" in str(server.call("CLUSTER", "INFO")), what="the cluster to form")
    await through_every_method(open_ledger(server))
    slots = {server.call("CLUSTER", "KEYSLOT", key) for key in server.call("KEYS", "*")}
    assert len(slots) == 1


async def test_it_is_opened_with_the_other_stores_on_connections_of_its_own(server: RedisServer) -> None:
    block = {"storage": {"url": server.url, "key_prefix": "mine"}, "ledger": {"on_lapse": "release"}}
    stores = open_stores(parse(block))
    await stores.ledger.reserve("a", BOTH, usd(10), now_ms=NOW, lease_ms=LEASE)
    await stores.ledger.called("a", now_ms=NOW, lease_ms=LEASE)
    await stores.entries.aclose()
    assert await held(stores.ledger, HOUR.account, now_ms=NOW + LEASE) == (NOTHING, NOTHING, NOTHING)
    await stores.ledger.aclose()
    keys = server.call("KEYS", "*")
    assert keys
    assert all(key.startswith("mine:1:{ledger}:") for key in keys)


async def test_a_user_needs_no_more_rights_than_the_documentation_says(
    start_server: ServerMaker, open_ledger: LedgerOpener
) -> None:
    server = start_server()
    server.call("ACL", "SETUSER", "pack", "on", ">word", "~litellm_plugins:*", "-@all", *COMMANDS.split())
    await through_every_method(open_ledger(f"redis://pack:word@127.0.0.1:{server.port}"))


async def test_scripts_that_the_server_forgot_are_taught_again(server: RedisServer, open_ledger: LedgerOpener) -> None:
    ledger = open_ledger(server)
    for call in ("a", "b", "c"):
        assert isinstance(await ledger.reserve(call, BOTH, usd(10), now_ms=NOW, lease_ms=LEASE), Granted)
        server.call("SCRIPT", "FLUSH")
    assert await held(ledger, HOUR.account) == (NOTHING, usd(30), NOTHING)
    assert server.call("INFO", "errorstats")["errorstat_NOSCRIPT"]["count"] >= 3  # that is how it was


async def test_a_full_server_reserves_nothing_and_settles_all_the_same(
    start_server: ServerMaker, open_ledger: LedgerOpener
) -> None:
    server = start_server(maxmemory_policy="noeviction")
    ledger = open_ledger(server)
    await ledger.reserve("before", BOTH, usd(40), now_ms=NOW, lease_ms=LEASE)
    await ledger.reserve("lapses", BOTH, usd(20), now_ms=NOW, lease_ms=1_000)
    server.call("CONFIG", "SET", "maxmemory", "1mb")
    keys = sorted(server.call("KEYS", "*"))
    for covering in (BOTH, (line("new", usd=100),)):
        with pytest.raises(StoreUnavailable) as caught:
            await ledger.reserve("during", covering, usd(10), now_ms=NOW, lease_ms=LEASE)
        assert caught.value.reason == "store_full"
    assert sorted(server.call("KEYS", "*")) == keys
    assert await held(ledger, TEAM.account) == (NOTHING, usd(60), NOTHING)

    await ledger.called("before", now_ms=NOW, lease_ms=LEASE)
    assert (await ledger.settle("before", usd(30), now_ms=NOW)).fresh
    assert await ledger.lapse(now_ms=NOW + 1_000) == 1
    for account in (TEAM.account, HOUR.account):
        assert await held(ledger, account, now_ms=NOW + 1_000) == (usd(30), NOTHING, NOTHING)
    server.call("CONFIG", "SET", "maxmemory", "0")
    assert isinstance(await ledger.reserve("after", BOTH, usd(70), now_ms=NOW + 1_000, lease_ms=LEASE), Granted)


async def test_a_cache_that_is_evicted_beside_it_takes_nothing_of_the_ledger_along(
    start_server: ServerMaker, open_ledger: LedgerOpener
) -> None:
    """With `volatile-lru`, what has a lifetime gives way."""
    server = start_server(maxmemory_policy="volatile-lru")
    ledger = open_ledger(server)
    for number in range(50):
        covering = line(f"team/team={number}", usd=10)
        await ledger.reserve(str(number), [covering], usd(number % 10), now_ms=NOW, lease_ms=LEASE)
    kept = await ledger.balances(now_ms=NOW)
    used = int(server.call("INFO", "memory")["used_memory"])
    server.call("CONFIG", "SET", "maxmemory", str(used + 1_000_000))
    for number in range(1_000):
        server.call("SET", f"cached:{number}", "x" * 10_000, "EX", "3600")
    assert int(server.call("INFO", "stats")["evicted_keys"]) > 500
    assert len(kept) == 50
    assert await ledger.balances(now_ms=NOW) == kept


async def test_a_server_that_may_evict_the_ledger_is_told_of_once(
    start_server: ServerMaker, open_ledger: LedgerOpener, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    harmless = open_ledger(start_server(maxmemory="100mb", maxmemory_policy="volatile-lru"))
    unbounded = open_ledger(start_server(maxmemory="0", maxmemory_policy="allkeys-lru"))
    for ledger in (harmless, unbounded):
        await ledger.reserve("a", BOTH, usd(1), now_ms=NOW, lease_ms=LEASE)
    assert not caplog.messages
    evicting = open_ledger(start_server(maxmemory="100mb", maxmemory_policy="allkeys-lfu"))
    for call in ("a", "b"):
        await evicting.reserve(call, BOTH, usd(1), now_ms=NOW, lease_ms=LEASE)
    (message,) = caplog.messages
    assert "evicts by allkeys-lfu" in message


async def test_an_account_that_was_evicted_begins_anew_and_not_in_silence(
    server: RedisServer, open_ledger: LedgerOpener, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = open_ledger(server)
    await ledger.reserve("a", BOTH, usd(90), now_ms=NOW, lease_ms=LEASE)
    await ledger.settle("a", usd(90), now_ms=NOW)
    for key in server.call("KEYS", "*:at:*"):
        server.call("DEL", key)
    for call in ("b", "c"):
        assert isinstance(await ledger.reserve(call, BOTH, usd(50), now_ms=NOW, lease_ms=LEASE), Granted)
    (message,) = caplog.messages
    assert "lost what was spent of 2 accounts" in message
    await ledger.settle("b", usd(50), now_ms=NOW)
    assert await held(ledger, HOUR.account, now_ms=NOW + 3_600_000) == (NOTHING, NOTHING, NOTHING)


async def test_a_reservation_whose_reply_was_lost_holds_once_when_it_is_asked_again(
    server: RedisServer, open_ledger: LedgerOpener
) -> None:
    """The server was slow: it carried out what nobody waited for any more. Given up, it lapses."""
    ledger = open_ledger(server)
    impatient = {call: open_ledger(server, timeout_s=0.3) for call in ("asked again", "given up", "settled")}
    for call, its in impatient.items():  # each has a connection by now
        await its.reserve(call, BOTH, usd(1), now_ms=NOW, lease_ms=LEASE)
    await ledger.settle("unknown", usd(2), now_ms=NOW)  # the server knows the script by now
    server.freeze()
    for call in ("asked again", "given up"):
        with pytest.raises(StoreUnavailable, match="store_timeout"):
            await impatient[call].reserve(call, BOTH, usd(30), now_ms=NOW, lease_ms=LEASE)
    with pytest.raises(StoreUnavailable, match="store_timeout"):
        await impatient["settled"].settle("settled", usd(2), now_ms=NOW)
    server.thaw()
    async with asyncio.timeout(20):  # the server reads what lies there in no certain order
        while True:
            if await held(ledger, TEAM.account) == (usd(2), usd(60), NOTHING):
                break
            await asyncio.sleep(0.05)
    for _ in range(2):
        assert await held(ledger, TEAM.account) == (usd(2), usd(60), NOTHING)
        await ledger.reserve("asked again", BOTH, usd(30), now_ms=NOW, lease_ms=LEASE)
        assert not (await ledger.settle("settled", usd(2), now_ms=NOW)).fresh
    await ledger.settle("asked again", usd(3), now_ms=NOW)
    assert await held(ledger, TEAM.account, now_ms=NOW + LEASE) == (usd(5), NOTHING, NOTHING)


async def test_a_settlement_is_carried_out_though_its_asker_was_cancelled(
    server: RedisServer, open_ledger: LedgerOpener
) -> None:
    """A client that goes away while its answer streams takes its request's tasks along."""
    ledger = open_ledger(server)
    await ledger.reserve("a", BOTH, usd(30), now_ms=NOW, lease_ms=LEASE)
    server.freeze()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await ledger.settle("a", usd(20), now_ms=NOW)
    server.thaw()
    await ledger.aclose()
    assert await held(open_ledger(server), TEAM.account) == (usd(20), NOTHING, NOTHING)


async def test_thousands_of_lapsed_leases_are_all_ended_before_anybody_is_refused(
    server: RedisServer, open_ledger: LedgerOpener
) -> None:
    """As after a crash of every worker: in steps, none of which keeps the server busy for long."""
    ledger = open_ledger(server)
    covering = (line("many", requests=2_000), line("rolling", requests=2_000, span=rolling(3_600_000, NOW)))
    one = Amounts(requests=1)
    for number in range(2_000):
        await ledger.reserve(str(number), covering, one, now_ms=NOW, lease_ms=1_000)
    for number in range(1_500):
        await ledger.called(str(number), now_ms=NOW, lease_ms=1_000)
    assert isinstance(await ledger.reserve("early", covering, one, now_ms=NOW + 999, lease_ms=LEASE), Denied)
    server.call("CONFIG", "RESETSTAT")
    asked = await ledger.reserve("all", covering, Amounts(requests=500), now_ms=NOW + 1_000, lease_ms=LEASE)
    assert isinstance(asked, Granted)
    assert asked.balances[0].spent == asked.balances[1].unconfirmed == Amounts(requests=1_500)
    assert server.call("INFO", "commandstats")["cmdstat_evalsha"]["calls"] > 10


async def test_what_is_over_is_removed_in_time(server: RedisServer, open_ledger: LedgerOpener) -> None:
    """Only what a later request might need lies there, and what was settled expires by itself."""
    ledger = open_ledger(server)
    await through_every_method(ledger)
    days = 5 * 86_400_000
    await ledger.lapse(now_ms=NOW + days)  # what was reserved last; it is known for one more day
    await ledger.lapse(now_ms=NOW + 2 * days)
    left = server.call("KEYS", "*")
    assert left == ["litellm_plugins:1:{ledger}:call:settled"]
    assert 86_000 < server.call("TTL", left[0]) <= 86_400
