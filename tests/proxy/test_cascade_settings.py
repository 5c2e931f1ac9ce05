"""Cascades under other settings: without budgets, and with settings that make no sense."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import Provider, RunningProxy, eventually
from tests.support.budgets import billed
from tests.support.cascades import ask, config_of, fresh, script


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    """A provider of this module's own: its bill is compared with the ledger."""
    with Provider(script=script) as provider:
        yield provider


def test_without_budgets_an_error_that_is_escalated_costs_what_the_provider_bills(
    charging: Provider, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = config_of(charging.url)
    del config["callback_settings"]["litellm_plugins"]["budgets"]
    with RunningProxy(config, tmp_path_factory.mktemp("free"), provider_url=charging.url) as proxy:
        for of in ("down", "auto"):
            for stream in (False, True):
                ask(proxy, "chat", fresh("unsure"), of=of, stream=stream)

        def ends() -> list[dict[str, Any]]:
            return [json.loads(line) for line in proxy.log().splitlines() if '"call_finished"' in line]

        eventually(lambda: len(ends()) == 4, what="the ends to be told", timeout_s=20)
    assert sum(round(float(end["cost_usd"]) * 1e9) for end in ends()) == billed(charging)
    assert [end["ending"] for end in ends()] == ["success"] * 4


def test_settings_that_make_no_sense_stop_the_boot(charging: Provider, tmp_path_factory: Any) -> None:
    config = config_of(charging.url)
    routers = config["callback_settings"]["litellm_plugins"]["routing"]["routers"]
    routers["auto"]["cascade"] = {"checks": ["hegding"], "max_escalations": 0}
    proxy = RunningProxy(config, tmp_path_factory.mktemp("unknown"), provider_url=charging.url)
    proxy.expect_refusal()
    assert "routing.routers.auto.cascade.checks.0" in proxy.log()
    assert "routing.routers.auto.cascade.max_escalations" in proxy.log()
