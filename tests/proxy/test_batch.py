"""Requests whose clients let them wait: a real proxy, a provider with OpenAI's batches, and the bill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budgets import PRICES, held_by

if TYPE_CHECKING:
    import httpx

    from litellm_plugins.simulator.shelf import BatchStatus

OFFERED = "gpt-4.1-mini"
DEFER = "x-litellm-plugins-defer"


class Fate:
    """What becomes of batches when somebody looks; a test says."""

    def __init__(self) -> None:
        self.status: BatchStatus | None = None

    def __call__(self, _: Mapping[str, Any]) -> BatchStatus | None:
        return self.status


@pytest.fixture(scope="module")
def fate() -> Fate:
    return Fate()


@pytest.fixture(scope="module")
def provider(fate: Fate) -> Iterator[Provider]:
    with Provider(batch_fate=fate) as provider:
        yield provider


@pytest.fixture
def held_back(fate: Fate) -> Iterator[Fate]:
    """Batches are not answered while a test looks on."""
    fate.status = "in_progress"
    yield fate
    fate.status = None


@pytest.fixture(scope="module")
def proxy(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    pack = {
        "batch": {
            "enabled": True,
            "models": [OFFERED, "claude"],
            "window_s": 0.5,
            "poll_every_s": 0.2,
            "max_requests": 50,
        },
        "budgets": [
            {"name": "batches", "scope": {"feature": "batches"}, "limit_usd": 1, "window": "1d"},
            {
                "name": "soft",
                "scope": {"feature": "soft"},
                "limit_usd": "0.002",
                "window": "1d",
                "soft": [0.001],
                "on_soft": "degrade",
                "degrade": {"defer": True},
            },
            {"name": "none-left", "scope": {"feature": "none-left"}, "limit_usd": "0.000001", "window": "1d"},
        ],
    }
    config = proxy_config(
        provider.url, pack=pack, more_models=[model("claude", provider.url, "claude-sonnet-4-5", via="anthropic")]
    )
    with RunningProxy(config, tmp_path_factory.mktemp("batch"), provider_url=provider.url) as proxy:
        yield proxy


def post(proxy: RunningProxy, text: str, wish: str | None = "require", *, key: str = KEYS.support, **more: Any) -> Any:
    body = {"model": OFFERED, "messages": [{"role": "user", "content": text}], "max_tokens": 20, **more}
    headers = {} if wish is None else {DEFER: wish}
    return proxy.http("POST", "/v1/chat/completions", key, json=body, headers=headers)


def told(response: httpx.Response) -> tuple[str | None, str | None]:
    return response.headers.get(DEFER), response.headers.get(f"{DEFER}-reason")


def ended(proxy: RunningProxy, where: str, *, key: str = KEYS.support) -> dict[str, Any]:
    """What a client reads once it is over."""

    def over() -> dict[str, Any] | None:
        response = proxy.http("GET", where, key)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return None if found["status"] in ("queued", "submitted") else found

    return eventually(over, what="a deferred request to end", timeout_s=30, every_s=0.1) or {}


def test_a_request_that_waits_is_answered_by_a_batch_at_half_the_price(
    proxy: RunningProxy, provider: Provider, held_back: Fate
) -> None:
    feature = {"metadata": {"feature": "batches"}}
    before = provider.batch_bill()
    accepted = post(proxy, "What is a batch?", **feature)

    assert accepted.status_code == 202, accepted.text
    assert told(accepted) == ("deferred", "required")
    waiting = accepted.json()
    assert (waiting["object"], waiting["status"], waiting["completion"]) == ("deferred.completion", "queued", None)
    assert accepted.headers["location"] == f"/plugins/deferred/{waiting['id']}"
    assert waiting["expires_at"] - waiting["created_at"] == 90_000
    reserved = held_by(proxy, "batches").reserved
    assert reserved > 0

    where = accepted.headers["location"]
    eventually(
        lambda: proxy.http("GET", where, KEYS.support).json()["status"] == "submitted", what="it to be submitted"
    )
    assert held_by(proxy, "batches").reserved == reserved
    held_back.status = None
    done = ended(proxy, where)

    assert done["status"] == "completed", done
    completion = done["completion"]
    fresh = post(proxy, "What is a batch?", None, **feature).json()
    assert completion["choices"][0]["message"]["content"] == fresh["choices"][0]["message"]["content"]
    assert completion["model"] == OFFERED
    assert provider.times_asked("What is a batch?") == 1  # by the one just now
    now = provider.batch_bill()[OFFERED]
    asked, answered = (now[n] - before.get(OFFERED, {}).get(n, 0) for n in ("prompt_tokens", "completion_tokens"))
    assert (asked, answered) == (completion["usage"]["prompt_tokens"], completion["usage"]["completion_tokens"])
    price = PRICES[OFFERED]
    whole = price[0] * asked + price[1] * answered
    eventually(lambda: held_by(proxy, "batches").requests == 2, what="both to be booked")
    booked = held_by(proxy, "batches")
    assert booked.spent == whole / 2 + whole
    assert booked.reserved == 0
