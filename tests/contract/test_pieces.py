"""Small pieces of the host, run on their own."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncGenerator
from typing import Any

import litellm
import pytest
from litellm.caching.base_cache import BaseCache
from litellm.caching.caching import Cache
from litellm.caching.dual_cache import DualCache
from litellm.integrations.custom_logger import CustomLogger

from litellm_plugins.proxy.host.deployment import Deployment
from litellm_plugins.proxy.host.prices import cost_nano_usd

USAGE = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}
DECISION: Any = object()  # nothing is asked of it


class NoBackend(BaseCache):
    """A backend for who needs only to hand one over."""

    async def async_set_cache_pipeline(self, cache_list: Any, **kwargs: Any) -> None:
        """The one method that the host's base class leaves open."""


pytestmark = pytest.mark.usefixtures("host")


@pytest.fixture
def callback_lists(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The three lists that the host's cache writes to, empty, and as they were afterwards."""
    names = ("input_callback", "success_callback", "_async_success_callback")
    for name in names:
        monkeypatch.setattr(litellm, name, [])
    monkeypatch.setattr(litellm, "cache", None)
    return [getattr(litellm, name) for name in names]


def answer(model: str) -> litellm.ModelResponse:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}
    return litellm.ModelResponse(id="1", created=1, model=model, choices=[choice], usage=USAGE)


def test_a_cache_takes_any_backend(callback_lists: list[list[Any]]) -> None:
    """We stand on this because our seat is a backend of our own."""
    backend = NoBackend()
    cache = Cache(_backend=backend, supported_call_types=["acompletion"], max_messages=None)

    assert cache.cache is backend
    assert cache.supported_call_types == ["acompletion"]
    assert cache.max_messages is None


def test_a_cache_forgets_chats_of_five_messages_by_default(callback_lists: list[list[Any]]) -> None:
    """We stand on this because it is why we hand over `max_messages=None`."""
    assert Cache(_backend=NoBackend()).max_messages == 4


def test_making_a_cache_adds_a_logger_to_three_lists(callback_lists: list[list[Any]]) -> None:
    """We stand on this because we take it out again: it makes every request run the synchronous success path."""
    Cache(_backend=NoBackend())
    assert callback_lists == [["cache"], ["cache"], ["cache"]], (
        "the constructor writes elsewhere now: see PluginCache.__init__"
    )


def test_our_cache_leaves_the_lists_as_they_were(callback_lists: list[list[Any]], host: Any) -> None:
    """We stand on this because a "cache" entry of the operator's own must stay."""
    from litellm_plugins.proxy.cache.adapter import PluginCache

    PluginCache(None, closes=_nothing)  # type: ignore[arg-type]  # nothing is asked of it
    assert callback_lists == [[], [], []]
    litellm.success_callback.append("cache")
    PluginCache(None, closes=_nothing)  # type: ignore[arg-type]
    assert callback_lists == [[], ["cache"], []]


def test_the_host_asks_the_cache_object_whether_to_use_it(callback_lists: list[list[Any]]) -> None:
    """We stand on this because only requests with a ticket take part."""
    assert callable(Cache.should_use_cache)
    assert Cache.get_cache.__code__.co_names.count("should_use_cache") == 1
    for method in (Cache.async_get_cache, Cache.async_add_cache):
        assert "should_use_cache" in method.__code__.co_names, (
            f"{method.__name__} no longer asks should_use_cache: our seat would be asked for every request"
        )


async def test_a_closing_proxy_tells_its_cache(callback_lists: list[list[Any]], host: Any) -> None:
    """We stand on this because it is where the pack lets go of its files."""
    assert "disconnect" in host.proxy_shutdown_event.__code__.co_names
    with pytest.raises(NotImplementedError):
        await Cache(_backend=NoBackend()).disconnect()  # type: ignore[no-untyped-call]


class Base(CustomLogger):
    """Defines the hook one class too high."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Any, call_type: Any) -> None:
        self.asked += 1


class Leaf(Base):
    """Inherits it."""


@pytest.mark.parametrize(("kind", "asked"), [(Base, 1), (Leaf, 0)])
async def test_a_pre_call_hook_is_called_only_where_the_leaf_class_defines_it(
    host: Any, monkeypatch: pytest.MonkeyPatch, kind: type[Base], asked: int
) -> None:
    """We stand on this because PluginHandler must define it itself."""
    callback = kind()
    monkeypatch.setattr(litellm, "callbacks", [callback])
    logging = host.ProxyLogging(user_api_key_cache=DualCache())
    data = {"model": "gpt-4.1", "messages": [], "metadata": {}}
    await logging.pre_call_hook(user_api_key_dict=host.UserAPIKeyAuth(), data=data, call_type="acompletion")

    assert callback.asked == asked, "the host looks for pre-call hooks elsewhere now"


def test_our_handler_defines_its_hooks_on_the_leaf(host: Any) -> None:
    """We stand on this for the reason above."""
    from litellm_plugins.proxy.callbacks import PluginHandler

    assert "async_pre_call_hook" in vars(PluginHandler)
    assert "async_post_call_response_headers_hook" in vars(PluginHandler)


@pytest.mark.parametrize(("model", "usd"), [("gpt-4.1", 0.0028), ("gpt-4.1-mini", 0.00056), ("openai/gpt-4.1", 0.0028)])
def test_the_price_list_knows_these_models(model: str, usd: float) -> None:
    """We stand on this because what a hit saved is what its answer cost by the host's own prices."""
    cost = litellm.completion_cost(
        completion_response=answer(model), model=model, custom_llm_provider="openai", call_type="acompletion"
    )
    assert cost == pytest.approx(usd)


def test_a_model_without_a_price_raises() -> None:
    """We stand on this because it is then that nothing is claimed as saved."""
    with pytest.raises(Exception, match="isn't mapped"):
        litellm.completion_cost(
            completion_response=answer("nobody"), model="nobody", custom_llm_provider="openai", call_type="acompletion"
        )
    assert cost_nano_usd(answer("nobody"), Deployment("nobody", "openai", "", {}), call_type="acompletion") == 0


def test_a_model_s_name_says_its_provider() -> None:
    """We stand on this because an answer's price is looked up by both."""
    model, provider, *_ = litellm.get_llm_provider(model="openai/gpt-4.1")
    assert (model, provider) == ("gpt-4.1", "openai")


def test_a_stored_body_becomes_a_response_again() -> None:
    """We stand on this because a hit is delivered as the host's own response object, ids and all."""
    body: dict[str, Any] = json.loads(answer("gpt-4.1").model_dump_json(exclude_none=True))
    again: Any = litellm.ModelResponse(**copy.deepcopy(body))

    assert (again.id, again.created, again.model) == (body["id"], body["created"], body["model"])
    assert again.choices[0].message.content == "Yes."
    assert again.usage.total_tokens == USAGE["total_tokens"]


@pytest.mark.parametrize(("cost", "shown"), [(0.0, "0.0"), (0.25, "0.25")])
def test_the_cost_header_shows_a_cost_of_nothing(host: Any, cost: float, shown: str) -> None:
    """We stand on this because a hit must say 0.0, and not leave the header out."""
    from litellm.proxy.common_request_processing import ProxyBaseLLMRequestProcessing

    from litellm_plugins.proxy.calls.telling import COST_HEADER

    headers = ProxyBaseLLMRequestProcessing.get_custom_headers(
        user_api_key_dict=host.UserAPIKeyAuth(), response_cost=cost, request_data={}, hidden_params={}
    )
    assert headers[COST_HEADER] == shown


def test_headers_are_strings_and_the_call_id_is_among_them(host: Any) -> None:
    """We stand on this because a hit's headers go to the client as they come."""
    from litellm.proxy.common_request_processing import ProxyBaseLLMRequestProcessing

    headers = ProxyBaseLLMRequestProcessing.get_custom_headers(
        user_api_key_dict=host.UserAPIKeyAuth(),
        call_id="c",
        cache_key="k",
        version="v",
        request_data={},
        hidden_params={},
    )
    assert all(isinstance(value, str) for value in headers.values())
    assert headers["x-litellm-call-id"] == "c"
    assert headers["x-litellm-cache-key"] == "k"


def test_a_refusal_has_the_shape_of_openai_s_errors(host: Any) -> None:
    """We stand on this because a wrong key must look to SDKs as it does at OpenAI's."""
    from litellm.proxy._types import ProxyException

    refusal = ProxyException(message="No.", type="invalid_request_error", param="api_key", code=401, openai_code="x")
    assert refusal.to_dict().items() >= {"message": "No.", "type": "invalid_request_error", "param": "api_key"}.items()
    assert str(refusal.code) == "401"


async def test_the_logging_worker_runs_what_it_is_handed() -> None:
    """We stand on this because a hit is logged after its answer was sent."""
    import asyncio

    from litellm.litellm_core_utils.logging_worker import LoggingWorker

    done = asyncio.Event()
    worker = LoggingWorker()

    async def log() -> None:
        done.set()

    worker.ensure_initialized_and_enqueue(async_coroutine=log())
    await asyncio.wait_for(done.wait(), timeout=5)
    await worker.stop()


def test_metadata_that_is_copied_still_carries_the_decision() -> None:
    """We stand on this because the host deep-copies metadata for fallbacks and writes it to JSON for its loggers."""
    import pickle

    from litellm_plugins.proxy.ticket import METADATA_KEY, Ticket

    ticket = Ticket(DECISION)
    for copied in (copy.copy(ticket), copy.deepcopy({METADATA_KEY: ticket})[METADATA_KEY]):
        assert copied.decision is DECISION
    assert type(pickle.loads(pickle.dumps(ticket))) is str
    assert json.dumps(ticket) == f'"{ticket}"'


def test_the_host_s_own_copy_of_a_request_keeps_the_ticket(host: Any) -> None:
    """We stand on this because each fallback gets such a copy."""
    from litellm.litellm_core_utils.core_helpers import safe_deep_copy

    from litellm_plugins.proxy.ticket import METADATA_KEY, Ticket

    ticket = Ticket(DECISION)
    copied: Any = safe_deep_copy({"metadata": {METADATA_KEY: ticket}})  # type: ignore[no-untyped-call]

    assert copied["metadata"][METADATA_KEY].decision is DECISION, "a fallback's answer would belong to no request"


async def _nothing() -> None:
    pass


async def test_a_streamed_response_closes_what_it_takes_for_its_source() -> None:
    """We stand on this because a stream that outlives its client takes the place of the host's own generator."""
    from litellm.proxy.common_request_processing import create_response

    async def words() -> AsyncGenerator[str, None]:
        yield "data: one\n\n"
        await asyncio.Event().wait()

    class Source:
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    source, upstream = Source(), words()
    response: Any = await create_response(upstream, "text/event-stream", {})
    assert response.upstream_generator is upstream
    response._upstream_generator = source
    await response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, _send_nothing)
    assert source.closed == 1


async def _send_nothing(_: Any) -> None:
    return None
