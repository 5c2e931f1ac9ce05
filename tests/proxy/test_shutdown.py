"""A proxy that is told to end right after its last requests: what they used and cost stands in every store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.support import KEYS, Provider, RunningProxy
from tests.support.budget_proxy import body_of, budget, budget_config, post
from tests.support.budgets import held_by, open_calls

ENDPOINTS = ("chat", "messages", "responses", "completions")
TIMES = 4  # of each endpoint, streamed and not


@pytest.fixture
def pacing() -> Iterator[Provider]:
    """Its words come one after the other: a client can leave between two."""
    with Provider(latency_scale=0.5) as provider:
        yield provider


@pytest.mark.parametrize("budgeted", [True, False], ids=["with budgets", "without"])
def test_what_was_asked_last_is_counted(provider: Provider, pacing: Provider, tmp_path: Path, budgeted: bool) -> None:
    budgets = [budget("last", limit_usd=1)] if budgeted else []
    config = budget_config(provider.url, pacing.url, budgets, left_streams="heard")
    with RunningProxy(config, tmp_path, provider_url=provider.url) as proxy:
        post(proxy, "chat", "the first", "last")  # so that nothing is loaded for the last ones

        def ask(number: int) -> int:
            endpoint = ENDPOINTS[number % len(ENDPOINTS)]
            return post(proxy, endpoint, f"at the end {number}", "last", stream=bool(number // 4 % 2)).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(2 * TIMES * len(ENDPOINTS)))) == {200}
        with ThreadPoolExecutor(len(ENDPOINTS)) as pool:
            list(pool.map(partial(_leave, proxy), ENDPOINTS))
        proxy.stop()

        asked = 1 + 2 * TIMES * len(ENDPOINTS) + len(ENDPOINTS)
        used, spent = _usage(proxy)
        assert used == asked
        if budgeted:
            assert (held_by(proxy, "last").requests, open_calls(proxy)) == (asked, 0)
            assert held_by(proxy, "last").spent == spent


def _leave(proxy: RunningProxy, endpoint: str) -> None:
    """Ask for a stream, and hang up after its first lines."""
    path, body = body_of(endpoint, f"left {endpoint}", "last", model="slow", stream=True)
    headers = {"authorization": f"Bearer {KEYS.support}"}
    with httpx.stream("POST", f"{proxy.url}{path}", json=body, headers=headers, timeout=30, trust_env=False) as stream:
        for number, _ in enumerate(stream.iter_lines()):
            if number >= 6:
                break


def _usage(proxy: RunningProxy) -> tuple[int, int]:
    """Requests and nano-dollars that the cost monitor has."""
    file = proxy.database.with_name("litellm_plugins.insight.db")
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=10)) as db:
        query = "SELECT total(requests), total(spent_nano_usd + own_nano_usd) FROM insight_usage"
        requests, spent = db.execute(query).fetchone()
    return int(requests), int(spent)
