"""A proxy that is killed again and again: what was accepted is answered, sent once, and booked at the bill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually, proxy_config
from tests.support.budgets import PRICES, Held, held_by, held_on_redis, ledger_file
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from litellm_plugins.simulator.shelf import BatchStatus

MODEL = "gpt-4.1-mini"
MANY = 12
PACK: Mapping[str, Any] = {
    "cache": {"enabled": False},
    "batch": {"enabled": True, "models": [MODEL], "window_s": 5, "poll_every_s": 0.5, "max_requests": 50},
    "budgets": [{"name": "all", "limit_usd": 1, "window": "30d"}],
}


class Fate:
    """What becomes of batches when somebody looks; a test says."""

    def __init__(self) -> None:
        self.status: BatchStatus | None = None

    def __call__(self, _: Mapping[str, Any]) -> BatchStatus | None:
        return self.status


@pytest.fixture
def fate() -> Fate:
    return Fate()


@pytest.fixture
def provider(fate: Fate) -> Iterator[Provider]:
    with Provider(batch_fate=fate) as provider:
        yield provider


def put_off(proxy: RunningProxy, number: int) -> str:
    """The id of a request that waits from now on."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": f"Number {number}"}], "max_tokens": 20}
    headers = {"x-litellm-plugins-defer": "require"}
    accepted = proxy.http("POST", "/v1/chat/completions", KEYS.support, json=body, headers=headers)
    assert accepted.status_code == 202, accepted.text
    return str(accepted.json()["id"])


def standing(proxy: RunningProxy, ids: list[str]) -> list[dict[str, Any]]:
    found = [proxy.http("GET", f"/plugins/deferred/{id_}", KEYS.support) for id_ in ids]
    assert all(each.status_code == 200 for each in found), [each.text for each in found]
    return [each.json() for each in found]


def all_in(proxy: RunningProxy, ids: list[str], status: str) -> None:
    eventually(
        lambda: {each["status"] for each in standing(proxy, ids)} == {status},
        what=f"all to be {status}",
        timeout_s=60,
        every_s=1,
    )


def held_to_the_bill(provider: Provider, ids: list[str], booked: Held) -> None:
    """Each was sent in one batch, answered once, and booked at half of what its tokens cost."""
    files = [request for request in provider.requests() if request["endpoint"] == "create_batch"]
    bill = provider.batch_bill()[MODEL]
    assert bill["requests"] == len(ids)
    assert len(files) == sum(1 for each in files if each["status"] == 200)
    whole = PRICES[MODEL][0] * bill["prompt_tokens"] + PRICES[MODEL][1] * bill["completion_tokens"]
    assert (booked.spent, booked.reserved, booked.requests) == (int(whole / 2), 0, len(ids))


def test_killed_at_every_stage_it_loses_nothing_and_sends_nothing_twice(
    provider: Provider, fate: Fate, tmp_path: Path
) -> None:
    pack = {**PACK, "storage": {"encryption_keys_env": ["TEST_ENCRYPTION_KEY"]}}
    env = {"TEST_ENCRYPTION_KEY": "ab" * 32}
    with RunningProxy(proxy_config(provider.url, pack=pack), tmp_path, provider_url=provider.url, env=env) as proxy:
        fate.status = "in_progress"
        with ThreadPoolExecutor(MANY) as pool:
            ids = list(pool.map(lambda number: put_off(proxy, number), range(MANY)))
        proxy.kill()
        proxy.start()
        all_in(proxy, ids, "submitted")
        proxy.kill()
        fate.status = None
        proxy.start()
        all_in(proxy, ids, "completed")
        files = [each.read_bytes() for each in ledger_file(proxy).parent.iterdir()]
        assert not any(b"Number 3" in each or b"chatcmpl-" in each for each in files)  # asked, answered: encrypted
        held_to_the_bill(provider, ids, held_by(proxy, "all"))
        answers = {each["completion"]["id"] for each in standing(proxy, ids)}
        assert len(answers) == MANY


def test_two_workers_over_redis_share_the_work(provider: Provider, redis_server: RedisServer, tmp_path: Path) -> None:
    redis_server.call("FLUSHALL")
    pack = {**PACK, "storage": {"url": redis_server.url, "timeout_ms": 10_000}}
    config = proxy_config(provider.url, pack=pack)
    with RunningProxy(config, tmp_path, provider_url=provider.url, num_workers=2) as proxy:
        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(lambda number: put_off(proxy, number), range(MANY)))
        all_in(proxy, ids, "completed")
        held_to_the_bill(provider, ids, held_on_redis(redis_server.url, "all"))
    kept = [str(each) for each in redis_server.call("KEYS", "*{deferred}:*")]
    assert sum("{deferred}:r:" in each for each in kept) == MANY
    assert not any("{deferred}:b:" in each for each in kept)
