"""What a client writes into its request cannot make a call cost more than was reserved and booked for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Provider, RunningProxy, eventually
from tests.support.budget_proxy import budget, budget_config, post, told
from tests.support.budgets import held_by
from tests.support.config import KEYS, PACK

if TYPE_CHECKING:
    import httpx


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    """A provider of this module's own: what it was asked is counted."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def budgeted(charging: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """One answer of 20 tokens has room in `narrow`, not one more."""
    budgets = [budget("wide", limit_usd=1), budget("narrow", limit_usd="0.0003"), budget("counted", limit_requests=9)]
    budgets.append({"name": "sales-only", "scope": {"key": "sales"}, "limit_usd": 1})
    config = budget_config(charging.url, charging.url, budgets)
    config["callback_settings"][PACK]["cache"] = {"enabled": True, "lookup_timeout_ms": 10_000}
    around = {"OPENAI_API_BASE": f"{charging.url}/"}
    with RunningProxy(config, tmp_path_factory.mktemp("dodges"), provider_url=charging.url, env=around) as proxy:
        yield proxy


@pytest.mark.parametrize("more", [{}, {"fastest_response": True}], ids=["all", "fastest"])
@pytest.mark.parametrize("endpoint", ["chat", "azure"])
def test_several_calls_for_the_price_of_one_are_refused(
    budgeted: RunningProxy, charging: Provider, endpoint: str, more: dict[str, Any]
) -> None:
    charging.clear()
    response = post(budgeted, endpoint, "thrice", "wide", model="gpt-4.1,gpt-4.1,gpt-4.1", **more)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "model"
    assert charging.count() == 0
    assert held_by(budgeted, "wide").requests == 0


@pytest.mark.parametrize(
    "more",
    [
        {"extra_body": {"max_tokens": 900}},
        {"extra_body": {"n": 3}},
        {"additional_drop_params": ["max_tokens"]},
        {"service_tier": "priority", "max_tokens": 33},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_may_be_written_beyond_the_limit_is_reserved(
    budgeted: RunningProxy, charging: Provider, more: dict[str, Any]
) -> None:
    charging.clear()
    response = post(budgeted, "chat", "and more", "narrow", **more)

    assert (response.status_code, told(response, "reason")) == (429, "above_limit")
    assert charging.count() == 0


def test_a_number_beyond_all_counting_is_no_fault_of_ours(budgeted: RunningProxy) -> None:
    for feature, status in (("narrow", 429), ("counted", 400)):  # the provider's own
        assert post(budgeted, "chat", "for ever", feature, max_tokens=2**62, n=2**60).status_code == status


def test_more_tags_than_accounts_can_be_kept_for_are_refused(budgeted: RunningProxy) -> None:
    metadata = {"feature": "wide", "tags": [f"tag {number}" for number in range(101)]}
    response = post(budgeted, "chat", "tagged", "wide", metadata=metadata)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "metadata.tags"


@pytest.mark.parametrize("caching", [False, 0, None, True])
def test_what_is_told_to_be_a_free_hit_is_one(budgeted: RunningProxy, charging: Provider, caching: object) -> None:
    charging.clear()

    def layer() -> str:
        answer = post(budgeted, "azure", f"whole {caching!r}", "wide", max_tokens=2_000, caching=caching)
        return str(answer.headers["x-litellm-plugins-cache"])

    assert layer() == "miss"
    eventually(lambda: layer() == "exact", what="the answer to be stored", every_s=0.2)
    asked = charging.count()
    assert [layer() for _ in range(3)] == ["exact"] * 3
    assert charging.count() == asked


def test_whoever_a_budget_covers_cannot_go_around_it(budgeted: RunningProxy, charging: Provider) -> None:
    charging.clear()
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "around"}]}

    def around(key: str) -> httpx.Response:
        return budgeted.http("POST", "/openai/v1/chat/completions", key, json=body)

    refused = around(KEYS.sales)
    assert (refused.status_code, charging.count()) == (429, 0)
    assert "sales-only" in refused.json()["error"]["message"]
    passed = around(KEYS.support)
    assert passed.status_code == 200, f"no budget covers it here, as it has no feature: {passed.text}"
    assert "litellm_plugins" not in str(charging.requests()[-1])
