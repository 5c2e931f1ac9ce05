"""Sending the questions with the real OpenAI SDK, and reading from each response what happened."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import httpx
from openai import AsyncOpenAI, OpenAIError

from litellm_plugins.demo.arrivals import Ask
from litellm_plugins.model import Layer

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.completion_usage import CompletionUsage

AT_ONCE = 8
SYSTEM_PROMPT = (
    "You are the support assistant of a bank. Answer the customer's question in a few friendly sentences, "
    "name the steps to take in the app, and offer further help. Never ask for a PIN or a password."
)
_FEATURE = {"feature": "help-desk"}  # as proxy_config.yaml names what asks for general answers
PREFIX = "x-litellm-plugins-"
COST_HEADER = "x-litellm-response-cost"
_TIMEOUT_S = 60.0
_REFERENCE = re.compile(r"\[ref ([0-9a-f]{8})\]")
_NANO = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request's answer as its client saw it. `cost_nano_usd` is None where the response did not say."""

    ask: Ask
    layer: Layer | None  # None: an error
    started_s: float = 0.0
    ended_s: float = 0.0
    answered: str | None = None  # the reference of the question that the answer was written for
    similarity: float | None = None
    cache_id: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nano_usd: int | None = None
    saved_nano_usd: int = 0
    error: str | None = None

    @property
    def is_hit(self) -> bool:
        return self.layer in {Layer.EXACT, Layer.SEMANTIC}

    @property
    def latency_ms(self) -> float:
        """To the last byte of the answer, streamed or not."""
        return (self.ended_s - self.started_s) * 1_000


async def send(
    asks: Sequence[Ask],
    *,
    url: str,
    model: str,
    keys: Mapping[str, str],
    told: Callable[[Outcome], None],
) -> list[Outcome]:
    """The outcomes in the order of `asks`; at most `AT_ONCE` are under way. `told` hears each as it comes."""
    outcomes: dict[int, Outcome] = {}
    waiting = iter(asks)
    async with AsyncExitStack() as stack:
        clients = {team: await stack.enter_async_context(_client(url, key)) for team, key in keys.items()}
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(_work(waiting, clients, model, outcomes, told))
    return [outcomes[ask.number] for ask in asks]


def _client(url: str, key: str) -> AsyncOpenAI:
    # No retries, so that no error is papered over; and no proxy of the environment on the way to this machine.
    http = httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S)
    return AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, http_client=http)


async def _work(
    waiting: Iterator[Ask],
    clients: Mapping[str, AsyncOpenAI],
    model: str,
    outcomes: dict[int, Outcome],
    told: Callable[[Outcome], None],
) -> None:
    for ask in waiting:  # shared by all workers: each takes the next
        started_s = time.monotonic()
        try:
            text, usage, headers = await (_streamed if ask.stream else _whole)(clients[ask.team], model, ask)
            outcome = read(ask, text, usage, headers, started_s=started_s, ended_s=time.monotonic())
        except (OpenAIError, httpx.HTTPError, ValueError, ArithmeticError) as exc:
            outcome = Outcome(ask, None, started_s, time.monotonic(), error=f"{type(exc).__name__}: {exc}")
        outcomes[ask.number] = outcome
        told(outcome)


def read(
    ask: Ask,
    text: str,
    usage: CompletionUsage | None,
    headers: Mapping[str, str],
    *,
    started_s: float,
    ended_s: float,
) -> Outcome:
    """What a response says of itself. Raises: ValueError, where it does not say what the cache did."""
    layer = headers.get(f"{PREFIX}cache")
    if layer is None:
        raise ValueError(f"the response has no {PREFIX}cache header: is the pack loaded?")
    similarity = headers.get(f"{PREFIX}cache-similarity")
    written_for = _REFERENCE.search(text)
    return Outcome(
        ask=ask,
        layer=Layer(layer),
        started_s=started_s,
        ended_s=ended_s,
        answered=written_for[1] if written_for else None,
        similarity=float(similarity) if similarity else None,
        cache_id=headers.get(f"{PREFIX}cache-id"),
        prompt_tokens=usage.prompt_tokens if usage else 0,
        completion_tokens=usage.completion_tokens if usage else 0,
        cost_nano_usd=_nano(headers[COST_HEADER]) if headers.get(COST_HEADER) else None,
        saved_nano_usd=_nano(headers.get(f"{PREFIX}saved-usd") or "0"),
    )


async def _whole(client: AsyncOpenAI, model: str, ask: Ask) -> tuple[str, CompletionUsage | None, httpx.Headers]:
    raw = await client.chat.completions.with_raw_response.create(
        model=model, messages=_messages(ask), metadata=_FEATURE
    )
    completion = raw.parse()
    return completion.choices[0].message.content or "", completion.usage, raw.headers


async def _streamed(client: AsyncOpenAI, model: str, ask: Ask) -> tuple[str, CompletionUsage | None, httpx.Headers]:
    raw = await client.chat.completions.with_raw_response.create(
        model=model,
        messages=_messages(ask),
        metadata=_FEATURE,
        stream=True,
        stream_options={"include_usage": True},
    )
    said: list[str] = []
    usage = None
    async for chunk in raw.parse():
        said += [choice.delta.content or "" for choice in chunk.choices]
        usage = chunk.usage or usage
    return "".join(said), usage, raw.headers


def _messages(ask: Ask) -> list[ChatCompletionMessageParam]:
    return [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": ask.question.text}]


def _nano(usd: str) -> int:
    return int((Decimal(usd) * _NANO).to_integral_value())
