"""A proxy with one budget for each thing that a test wants to see; a request says by its feature which covers it."""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tests.support.config import KEYS, model, proxy_config
from tests.support.fixtures import CLAUDE
from tests.support.proxy import RunningProxy
from tests.support.workers import in_turn, on_each_worker

if TYPE_CHECKING:
    import httpx

LIMIT_TOKENS = 20  # of every answer: the provider's are longer, so they are cut to exactly that
ONE_USD_NANO = 1_000_000_000
ROOM_FOR_TEN_NANO = 1_950_000  # an answer costs 160,000 for its 20 tokens, and about 24,000 for the question's


def budget(name: str, **settings: Any) -> dict[str, Any]:
    """One that covers the feature of its own name."""
    return {"name": name, "scope": {"feature": name}, "window": "1d", **settings}


def budget_config(url: str, slow_url: str, budgets: list[dict[str, Any]], **ledger: Any) -> dict[str, Any]:
    """No cache, no coalescing: every request is a call."""
    return proxy_config(
        url,
        pack={"cache": {"enabled": False}, "budgets": budgets, "ledger": ledger},
        more_models=[
            model(CLAUDE, url, via="anthropic"),
            model("slow", slow_url, "gpt-4.1"),
            model("impatient", url, "gpt-4.1", timeout=1),
            model("mystery", url, "foo-unknown"),
            model("priced-here", url, "foo-unknown"),
            model("cheap-fragile", url, "gpt-4.1-mini", extra_headers={"x-simulator-fault": "error:500"}),
        ],
        router_settings={"fallbacks": [{"fragile": ["gpt-4.1-mini"]}, {"cheap-fragile": ["gpt-4.1"]}]},
    )


def body_of(endpoint: str, text: str, feature: str, *, model: str = "", **more: Any) -> tuple[str, dict[str, Any]]:
    """Path and body of a request for an answer of `LIMIT_TOKENS` tokens."""
    said = [{"role": "user", "content": text}]
    if endpoint == "messages":
        body = {"model": model or CLAUDE, "max_tokens": LIMIT_TOKENS, "messages": said}
        return "/v1/messages", {**body, "litellm_metadata": {"feature": feature}, **more}
    metadata = {"metadata": {"feature": feature}, "model": model or "gpt-4.1"}
    if endpoint == "responses":
        return "/v1/responses", {"max_output_tokens": LIMIT_TOKENS, "input": text, **metadata, **more}
    if endpoint == "completions":
        return "/v1/completions", {"max_tokens": LIMIT_TOKENS, "prompt": text, **metadata, **more}
    body = {"max_tokens": LIMIT_TOKENS, "messages": said, **metadata, **more}
    return "/openai/deployments/x/chat/completions" if endpoint == "azure" else "/v1/chat/completions", body


def post(proxy: RunningProxy, endpoint: str, text: str, feature: str, **more: Any) -> httpx.Response:
    """One request, read to its end."""
    path, body = body_of(endpoint, text, feature, **more)
    if endpoint == "azure":
        path = path.replace("/x/", f"/{body['model']}/")
    return proxy.http("POST", path, KEYS.support, json=body)


def race(proxy: RunningProxy, feature: str) -> Counter[int]:
    """64 at once, each over a connection of its own, as many to each worker, half of those streamed; by status."""

    def ask(index: int, client: httpx.Client) -> int:
        stream = bool(index // proxy.num_workers % 2)
        path, body = body_of("chat", f"race {feature} {index:02}", feature, stream=stream)
        response = client.post(path, headers={"authorization": f"Bearer {KEYS.support}"}, json=body)
        if response.is_server_error:
            logging.getLogger(__name__).error("%s: %s", response.status_code, response.text)  # pytest shows it
        return response.status_code

    with on_each_worker(proxy, clients=64 // proxy.num_workers) as found, ThreadPoolExecutor(64) as pool:
        return Counter(pool.map(ask, range(64), in_turn(found)))


def told(response: httpx.Response, name: str) -> str | None:
    """A header of ours about budgets."""
    value = response.headers.get(f"x-litellm-plugins-budget-{name}" if name else "x-litellm-plugins-budget")
    return None if value is None else str(value)
