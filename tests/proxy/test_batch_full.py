"""Where nothing more can be put off: who may wait is answered at once, at the usual price and within budget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budgets import PRICES, held_by

if TYPE_CHECKING:
    import httpx

OFFERED, CHEAP = "gpt-4.1-mini", "gpt-4.1-nano"
DEFER, BUDGET = "x-litellm-plugins-defer", "x-litellm-plugins-budget"


def budget(name: str, limit_usd: str, *, soft: float | None = None, **degrade: Any) -> dict[str, Any]:
    """Of one feature."""
    marks = {} if soft is None else {"soft": [soft], "on_soft": "degrade"}
    whole = {"on_hard": "degrade"} if soft is None else {}
    scope = {"feature": name}
    return {"name": name, "scope": scope, "limit_usd": limit_usd, "window": "1d", "degrade": degrade, **marks, **whole}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def queue(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningProxy, str]]:
    """Its queue holds two requests, and of one team one, and they wait. With where the second is fetched."""
    pack = {
        "batch": {"enabled": True, "models": [OFFERED, "tagged"], "window_s": 3_600, "max_waiting": 2},
        "budgets": [
            {"name": "first", "scope": {"feature": "first"}, "limit_usd": 1, "window": "1d"},
            budget("cheaper", "0.00004", defer=True, model=CHEAP),  # room for a batch, or for the cheap model
            budget("nothing", "0.00004", defer=True),
            budget("marked", "0.01", soft=0.0001, defer=True),
        ],
    }
    more = [model(CHEAP, provider.url), model("tagged", provider.url, OFFERED, tags=["paying"])]
    config = proxy_config(provider.url, pack=pack, more_models=more, general_settings={"forward_openai_org_id": True})
    with RunningProxy(config, tmp_path_factory.mktemp("full"), provider_url=provider.url) as proxy:
        assert post(proxy, "The first", "first", "require").status_code == 202
        second = post(proxy, "Of another team", "first", "require", key=KEYS.sales)
        assert second.status_code == 202
        yield proxy, second.headers["location"]


@pytest.fixture(scope="module")
def proxy(queue: tuple[RunningProxy, str]) -> RunningProxy:
    return queue[0]


def post(
    proxy: RunningProxy, text: str, feature: str, wish: str | None = "allow", *, key: str = KEYS.support
) -> httpx.Response:
    body = {"model": OFFERED, "messages": [{"role": "user", "content": text}], "max_tokens": 30}
    headers = {} if wish is None else {DEFER: wish}
    return proxy.http(
        "POST", "/v1/chat/completions", key, json=body | {"metadata": {"feature": feature}}, headers=headers
    )


def told(response: httpx.Response) -> tuple[str | None, ...]:
    return tuple(response.headers.get(name) for name in (DEFER, f"{DEFER}-reason", f"{BUDGET}-state"))


def test_who_must_wait_is_refused_and_nothing_stays_reserved(proxy: RunningProxy) -> None:
    before = held_by(proxy, "first")
    refused = post(proxy, "The second", "first", "require")
    assert (refused.status_code, told(refused)[:2]) == (503, ("refused", "queue_full")), refused.text
    eventually(lambda: held_by(proxy, "first").reserved == before.reserved, what="the reservation to be let go of")


def test_one_team_cannot_fill_it_for_all(queue: tuple[RunningProxy, str]) -> None:
    proxy, second = queue
    assert proxy.http("DELETE", second, KEYS.sales).status_code == 200
    refused = post(proxy, "One of ours too many", "first", "require")
    assert (refused.status_code, told(refused)[:2]) == (503, ("refused", "tenant_queue_full")), refused.text
    assert "too many requests of yours" in refused.json()["error"]["message"]
    reason = {"outcome": "refused", "reason": "tenant_queue_full"}
    assert proxy.metrics().value("litellm_plugins_deferrals_total", **reason) == 1
    assert post(proxy, "Of another team again", "first", "require", key=KEYS.sales).status_code == 202


def test_past_a_mark_it_is_served_as_asked(proxy: RunningProxy) -> None:
    assert post(proxy, "Up to the mark", "marked", None).status_code == 200
    eventually(lambda: held_by(proxy, "marked").requests == 1, what="it to be booked")
    before = held_by(proxy, "marked").spent
    served = post(proxy, "Past the mark", "marked")
    assert (served.status_code, told(served)) == (200, ("immediate", "queue_full", "soft")), served.text
    eventually(lambda: held_by(proxy, "marked").requests == 2, what="it to be booked")
    assert held_by(proxy, "marked").reserved == 0
    assert held_by(proxy, "marked").spent - before == cost(served, OFFERED)


def test_without_room_at_the_usual_price_it_is_degraded_as_its_budget_says(proxy: RunningProxy) -> None:
    served = post(proxy, "Cheaper", "cheaper")
    assert (served.status_code, told(served)) == (200, ("immediate", "queue_full", "degraded")), served.text
    eventually(lambda: held_by(proxy, "cheaper").requests == 1, what="it to be booked")
    assert held_by(proxy, "cheaper").spent == cost(served, CHEAP)


def test_without_room_at_the_usual_price_it_is_refused_and_nothing_stays_reserved(proxy: RunningProxy) -> None:
    refused = post(proxy, "Nothing left", "nothing")
    assert (refused.status_code, told(refused)[2]) == (429, "denied"), refused.text
    eventually(lambda: held_by(proxy, "nothing").reserved == 0, what="the reservation to be let go of")
    assert held_by(proxy, "nothing").requests == 0


@pytest.mark.parametrize(
    ("asked", "headers"), [({"model": "tagged"}, {}), ({"model": OFFERED}, {"openai-organization": "org-mine"})]
)
def test_what_another_account_would_answer_is_not_put_off(
    proxy: RunningProxy, asked: dict[str, Any], headers: dict[str, str]
) -> None:
    body = asked | {"messages": [{"role": "user", "content": "Whose account?"}]}
    refused = proxy.http("POST", "/v1/chat/completions", KEYS.support, json=body, headers=headers | {DEFER: "require"})
    assert (refused.status_code, told(refused)[:2]) == (400, ("refused", "own_deployment")), refused.text


def test_what_is_no_request_is_no_fault_of_ours(proxy: RunningProxy) -> None:
    def send(wish: str) -> httpx.Response:
        return proxy.http("POST", "/v1/chat/completions", KEYS.support, json={"model": OFFERED}, headers={DEFER: wish})

    assert (send("require").status_code, told(send("require"))[:2]) == (400, ("refused", "unsupported_parameter"))
    assert send("allow").status_code == send("off").status_code


def cost(response: httpx.Response, model: str) -> int:
    usage, price = response.json()["usage"], PRICES[model]
    return int(price[0] * usage["prompt_tokens"] + price[1] * usage["completion_tokens"])
