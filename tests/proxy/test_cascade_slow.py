"""Where the dearer tier takes its time: what it costs is booked at its own end, not a while after the cheap tier's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budgets import billed, held_by, open_calls
from tests.support.cascades import STRONG, UNSURE, WAYS, ask, fresh, router, told

LONG = f"{STRONG} " + "The Seine runs through it, and many bridges lead over the Seine. " * 8
PACE = 4.0  # times a provider's: the dearer tier's answers take some nine seconds
CASES = [(endpoint, of) for of in ("auto", "silent", "three") for endpoint in WAYS]


def script(of: str, _question: str) -> str:
    return UNSURE if of == "gpt-4.1-nano" else LONG


def config_of(url: str) -> dict[str, Any]:
    tiers = [{"name": n, "models": [m]} for n, m in (("a", "nano"), ("b", "other-nano"), ("c", "gpt-4.1"))]
    routers = {
        "auto": router(),
        "silent": router(complex_="stalled"),
        "three": {"tiers": tiers, "thresholds": [0.98, 0.99], "cascade": {"max_escalations": 2}},
    }
    return proxy_config(
        url,
        pack={
            "cache": {"enabled": False},
            "budgets": [{"name": "all", "limit_usd": 100}],
            "routing": {"routers": routers},
        },
        more_models=[
            model("nano", url, "gpt-4.1-nano"),
            model("other-nano", url, "gpt-4.1-nano"),
            model("stalled", url, "gpt-4.1", extra_headers={"x-simulator-fault": "stall:5"}),  # before its first word
            *(model(name, url, "gpt-4.1-mini") for name in routers),
        ],
    )


@pytest.fixture(scope="module")
def pacing() -> Iterator[Provider]:
    with Provider(latency_scale=PACE, script=script) as provider:
        yield provider


@pytest.fixture(scope="module")
def routed(pacing: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with RunningProxy(config_of(pacing.url), tmp_path_factory.mktemp("slow"), provider_url=pacing.url) as proxy:
        yield proxy


def test_a_dearer_stream_that_outlasts_the_cheap_one_by_far_is_booked_whole(
    routed: RunningProxy, pacing: Provider
) -> None:
    """All at once, for they are slow."""

    def asked(case: tuple[str, str]) -> tuple[str, Mapping[str, str]]:
        return ask(routed, case[0], fresh("unsure"), of=case[1], stream=True)

    def lines() -> list[Any]:
        return [json.loads(line) for line in routed.log().splitlines() if '"call_finished"' in line]

    routed.client(KEYS.support), routed.anthropic(KEYS.support)  # made once: not by each thread
    with ThreadPoolExecutor(len(CASES)) as pool:
        answers = list(pool.map(asked, CASES))
    eventually(lambda: len(lines()) >= len(CASES), what="the ends of all", timeout_s=20)
    eventually(lambda: not open_calls(routed), what="everything to be settled", timeout_s=20)

    assert [answer for answer, _ in answers] == [LONG] * len(CASES)
    assert {told(headers)[1] for _, headers in answers} == {"hedging"}
    bill = billed(pacing)
    assert held_by(routed, "all").spent == bill
    assert sum(Decimal(line["cost_usd"]) for line in lines()) * 10**9 == bill
