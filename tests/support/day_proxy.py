"""A proxy with every sink on, and the clients that ask it a day's requests with the real SDKs."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import anthropic
import httpx
import openai

from litellm_plugins.simulator.wire import RequestError
from litellm_plugins.telemetry.sinks.headers import PREFIX
from tests.support.config import KEYS, model, proxy_config
from tests.support.day_plans import (
    AUTO,
    BROKE,
    CAREFUL,
    EMBEDDER,
    FLAKY,
    IMPATIENT,
    SPARE,
    STUCK,
    TRIAL,
    UNSURE,
    Plan,
)
from tests.support.fixtures import CLAUDE, LEGACY_MODEL, SLOW_CLAUDE, SLOW_MODEL
from tests.support.langfuse import LangfuseRecorder
from tests.support.provider import Provider
from tests.support.proxy import RunningProxy
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_S = 120.0
_ALL = 1_000_000  # chunks
_WARM_S = 1.0  # after the last of the workers' first embeddings
CHEAPEST = "gpt-4.1-nano"
_PACE = 0.5  # of the provider whose streams are left


@dataclass(frozen=True, slots=True)
class Seen:
    """What the client of one request saw. No status: it left before there was one, or the connection broke."""

    plan: Plan
    status: int | None
    headers: Mapping[str, str]
    broke: bool = False  # the stream

    @property
    def ending(self) -> str | None:
        """As the pack should tell it, where the client can know."""
        if self.status is None or self.plan.ending == "gone":
            return None
        if self.status == httpx.codes.OK:
            return "failure" if self.broke else "success"
        refused = self.headers.get(f"{PREFIX}budget-state") == "denied" or f"{PREFIX}admission" in self.headers
        return "refused" if refused else "failure"


class Script:
    """What the simulator's models do.

    What has the word `flaky` fails when it is asked for the first time; what has `unsure` the cheapest does not know.
    """

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def __call__(self, of: str, question: str) -> str | None:
        self._asked[question] += 1
        if FLAKY in question and self._asked[question] == 1:
            raise RequestError(500, "The server had an error while processing your request.")
        return "I'm not sure, it may be by way of Lyon." if of == CHEAPEST and UNSURE in question else None


class Day:
    """Providers, a recorder of traces and the proxy. A context manager."""

    def __init__(self, folder: Path, *, workers: int, callback: str = "langfuse_otel", forked: bool = False) -> None:
        self.provider, self.pacing = Provider(script=Script()), Provider(latency_scale=_PACE)
        self.recorder = LangfuseRecorder()
        self.seen: list[Seen] = []
        self.traced_before = 0  # spans that came before the first request
        self.workers = workers
        self._folder, self._callback, self._forked = folder, callback, forked
        self._open = contextlib.ExitStack()
        self.proxy: RunningProxy

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            for each in (self.provider, self.pacing, self.recorder):
                opening.enter_context(each)
            self.proxy = RunningProxy(
                day_config(self.provider.url, self.pacing.url, self._callback),
                self._folder,
                provider_url=self.provider.url,
                num_workers=self.workers,
                env=self.recorder.env(),
                forked=self._forked,
            )
            self.proxy.boot_timeout_s = 300.0
            opening.enter_context(self.proxy)
            self._until_warm()
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run(self, plans: Sequence[Plan], *, at_once: int = 16, tell: Callable[[int], None] = lambda _: None) -> None:
        """Ask them, so many at once; `tell` hears how many more are answered."""
        with Clients(self.proxy.url) as clients, ThreadPoolExecutor(at_once) as pool:
            for seen in pool.map(clients.ask_all, plans):
                self.seen += seen
                tell(len(seen))

    def _until_warm(self) -> None:
        """Each worker embeds a text of its own at its start, for nobody."""
        count = self.provider.bill
        eventually(lambda: count().get(EMBEDDER, {}).get("requests", 0) >= self.workers, what="warm embedders")
        eventually(lambda: len(self.recorder.spans()) >= self.workers, what="the traces of that")
        time.sleep(_WARM_S)
        self.provider.clear()
        self.traced_before = len(self.recorder.spans())


def day_config(url: str, slow_url: str, callback: str) -> dict[str, Any]:
    """Look-ups by meaning that are paid for, coalescing, admission, budgets, and every sink."""
    budgets: list[dict[str, Any]] = [
        {"name": "all", "scope": "global", "window": "1d", "limit_usd": 1_000},
        {"name": "each-team", "scope": "team", "window": "1d", "limit_usd": 1_000},
        {"name": BROKE, "scope": {"feature": BROKE}, "window": "1d", "limit_usd": "0.000001"},
        {
            "name": SPARE, "scope": {"feature": SPARE}, "window": "1d", "limit_usd": 1,
            "soft": [1e-5], "on_soft": "degrade", "degrade": {"model": "gpt-4.1-mini"},
        },
    ]  # fmt: skip
    return proxy_config(
        url,
        pack={
            "cache": {"semantic": {"embedder": EMBEDDER}},
            "admission": {"enabled": True},
            "coalesce": {"enabled": True, "lease_s": 15},
            "budgets": budgets,
            "insight": {"flush_s": 1},
            "routing": {"routers": _routers()},
            "telemetry": {"teams": ["support", "sales", "Legal"]},
        },
        more_models=[
            model(CLAUDE, url, via="anthropic"),
            model(LEGACY_MODEL, url, via="text-completion-openai"),
            model(SLOW_MODEL, slow_url, "gpt-4.1"),
            model(SLOW_CLAUDE, slow_url, CLAUDE, via="anthropic"),
            model(FLAKY, url, "gpt-4.1"),
            model(FLAKY, url, "gpt-4.1", timeout=60),  # a second one: the host asks it without a pause
            model(IMPATIENT, url, "gpt-4.1", timeout=1),
            model(CHEAPEST, url),
            model("failing", url, "gpt-4.1", extra_headers={"x-simulator-fault": "error:500"}),
            *(model(name, url, "gpt-4.1-mini") for name in _routers()),
        ],
        router_settings={"num_retries": 1},
        litellm_settings={"callbacks": ["prometheus", callback, "litellm_plugins.proxy.handler"]},
    )


def _routers() -> dict[str, Any]:
    def ladder(threshold: float, more: Mapping[str, Any] | None = None, **models: str) -> dict[str, Any]:
        tiers = [{"name": name, "models": [of]} for name, of in models.items()]
        return {"tiers": tiers, "thresholds": [threshold], **(more or {})}

    arms = [{"name": "b", "model": "gpt-4.1-mini", "share": "50%"}]
    trial = {"name": "autumn", "tier": "strong", "arms": arms, "sticky": "end_user"}
    return {
        AUTO: ladder(0.5, small=CHEAPEST, strong="gpt-4.1"),
        CAREFUL: ladder(0.99, {"cascade": {}}, simple=CHEAPEST, complex="gpt-4.1"),
        STUCK: ladder(0.99, {"cascade": {}}, simple=CHEAPEST, complex="failing"),
        TRIAL: ladder(0.5, {"experiments": [trial]}, small=CHEAPEST, strong="gpt-4.1"),
    }


class Clients:
    """The SDKs, with a connection for each request, so that every worker gets its share. A context manager."""

    def __init__(self, url: str) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._http = httpx.Client(limits=limits, timeout=_TIMEOUT_S, trust_env=False)
        common: dict[str, Any] = {"max_retries": 0, "http_client": self._http}
        keys = {holder: getattr(KEYS, holder) for holder in KEYS.__slots__}
        self._openai = {h: openai.OpenAI(base_url=f"{url}/v1", api_key=key, **common) for h, key in keys.items()}
        self._anthropic = {h: anthropic.Anthropic(base_url=url, api_key=key, **common) for h, key in keys.items()}
        self._azure = {
            h: openai.AzureOpenAI(azure_endpoint=url, api_version="2024-10-21", api_key=key, **common)
            for h, key in keys.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask_all(self, plan: Plan) -> list[Seen]:
        """Those that belong together, at once."""
        if plan.times == 1:
            return [self.ask(plan)]
        with ThreadPoolExecutor(plan.times) as pool:
            return list(pool.map(self.ask, plan.each()))

    def ask(self, plan: Plan) -> Seen:
        """One, to its planned end."""
        try:
            raw = self._create(plan)(**_body(plan))
        except (openai.APIStatusError, anthropic.APIStatusError) as refused:
            return Seen(plan, refused.status_code, refused.response.headers)
        except (openai.APIConnectionError, anthropic.APIConnectionError):
            return Seen(plan, None, {})
        broke = False
        if plan.stream:
            try:
                with raw.parse() as stream:
                    for _ in zip(range(plan.leaves_after_chunks or _ALL), stream, strict=False):
                        pass
            except (openai.APIError, anthropic.APIError, httpx.HTTPError):
                broke = True
        return Seen(plan, raw.status_code, raw.headers, broke)

    def _create(self, plan: Plan) -> Any:
        client = self._openai[plan.holder]
        asked: dict[str, Any] = {
            "chat": client.chat.completions,
            "host": self._azure[plan.holder].chat.completions,
            "messages": self._anthropic[plan.holder].messages,
            "responses": client.responses,
            "completions": client.completions,
            "embeddings": client.embeddings,
        }
        return asked[plan.endpoint].with_raw_response.create


def _body(plan: Plan) -> dict[str, Any]:
    said = [{"role": "user", "content": plan.text}] if plan.text else []
    asked: dict[str, dict[str, Any]] = {
        "chat": {"messages": said, "max_tokens": 500},
        "host": {"messages": said, "max_tokens": 500},
        "messages": {"messages": said, "max_tokens": 500},
        "responses": {"input": plan.text, "max_output_tokens": 500},
        "completions": {"prompt": plan.text, "max_tokens": 500},
        "embeddings": {"input": plan.text, "encoding_format": "float"},
    }
    body: dict[str, Any] = {"model": plan.model, **asked[plan.endpoint]}
    if plan.user:
        body["user"] = plan.user
    if plan.stream:
        body["stream"] = True
    if plan.feature:
        name = "litellm_metadata" if plan.endpoint == "messages" else "metadata"
        body["extra_body"] = {name: {"feature": plan.feature}}
    headers = {"x-litellm-call-id": plan.call_id}
    if plan.bypass:
        headers["x-litellm-plugins-cache"] = "bypass"
    body["extra_headers"] = headers
    if plan.leaves_after_s is not None:
        body["timeout"] = plan.leaves_after_s
    return body
