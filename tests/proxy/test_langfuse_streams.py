"""A stream that breaks: its trace says once what was booked of it, whoever logs what of it and when."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from tests.support import Keys, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.day_sinks import cost_of
from tests.support.first_breaks import FirstBreaks
from tests.support.fixtures import CLAUDE, LEGACY_MODEL, SLOW_CLAUDE, SLOW_MODEL, new_question
from tests.support.langfuse import Generation, LangfuseRecorder, Span
from tests.support.late_logs import CALLBACK as LATE_LOGS
from tests.support.late_logs import LATE

SENDERS = ("langfuse_otel", "langfuse")
FLAKY = "claude-flaky"
BREAKS = " simulator:disconnect"  # half way: of a slow provider the first words have been read by then
ENDPOINTS: Mapping[str, tuple[str, str]] = {
    "chat": ("/v1/chat/completions", SLOW_MODEL),
    "messages": ("/v1/messages", SLOW_CLAUDE),
    "messages, translated": ("/v1/messages", SLOW_MODEL),
    "responses": ("/v1/responses", SLOW_MODEL),
    "completions": ("/v1/completions", LEGACY_MODEL),
}
LOGS = {"logged at once": "", "logged late": f" {LATE}"}
CASES = [f"{endpoint}, {log}" for endpoint, log in product(ENDPOINTS, LOGS)]

all_cases = pytest.mark.parametrize("name", CASES)
all_senders = pytest.mark.parametrize("sender", SENDERS)


@dataclass(frozen=True, slots=True)
class World:
    proxy: RunningProxy
    recorder: LangfuseRecorder
    key: str

    def ask(self, path: str, model: str, text: str) -> str:
        """A stream, to its end; the id of its trace."""
        call_id = str(uuid.uuid4())
        body: dict[str, Any] = {"model": model, "stream": True}
        if path.endswith("responses"):
            body |= {"input": text, "max_output_tokens": 500}
        elif path == "/v1/completions":
            body |= {"prompt": text, "max_tokens": 500}
        else:
            body |= {"messages": [{"role": "user", "content": text}], "max_tokens": 500}
        self.proxy.http("POST", path, self.key, json=body, headers={"x-litellm-call-id": call_id}).raise_for_status()
        return call_id.replace("-", "")

    def line(self, trace_id: str) -> Mapping[str, Any]:
        """The log's of its end."""
        lines = (
            json.loads(each[each.index("{") :]) for each in self.proxy.log().splitlines() if '"call_finished"' in each
        )
        return next(line for line in lines if line["call_id"].replace("-", "") == trace_id)

    def until_told(self, trace_id: str, *, attempts: int = 1) -> None:
        """By both callbacks: the request, and what the host says of its calls."""
        for sender in SENDERS:

            def is_told(sender: str = sender) -> bool:
                spans = self.recorder.trace(trace_id, sent_by=sender)
                return bool(roots(spans)) and len(calls(spans)) >= attempts

            eventually(is_told, what=f"a trace by {sender}")


def roots(spans: list[Span]) -> list[Span]:
    return [span for span in spans if span.name == "plugins.request"]


def calls(spans: list[Span]) -> list[Generation]:
    found = [Generation.of(span) for span in spans if not span.name.startswith("plugins.")]
    return [each for each in found if each is not None]


@pytest.fixture(scope="module")
def world(
    provider: Provider, slow_provider: Provider, keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A proxy with both of the host's Langfuse callbacks."""
    with LangfuseRecorder() as recorder, FirstBreaks(provider.url) as flaky:
        config = proxy_config(
            provider.url,
            pack={"budgets": [{"name": "all", "scope": "global", "limit_usd": 1_000}]},
            more_models=[
                model(SLOW_MODEL, slow_provider.url, "gpt-4.1"),
                model(SLOW_CLAUDE, slow_provider.url, CLAUDE, via="anthropic"),
                model(LEGACY_MODEL, slow_provider.url, via="text-completion-openai"),
                model(FLAKY, flaky.url, CLAUDE, via="anthropic", num_retries=1),
            ],
            litellm_settings={"callbacks": [LATE_LOGS, *SENDERS, "litellm_plugins.proxy.handler"]},
        )
        folder = tmp_path_factory.mktemp("streams")
        with RunningProxy(config, folder, provider_url=provider.url, env=recorder.env()) as proxy:
            yield World(proxy, recorder, keys.support)


@pytest.fixture(scope="module")
def traced(world: World) -> Mapping[str, str]:
    """By case, the trace of a stream that broke."""

    def ask(case: tuple[str, str]) -> str:
        path, asked = ENDPOINTS[case[0]]
        return world.ask(path, asked, f"{new_question()}{BREAKS}{LOGS[case[1]]}")

    with ThreadPoolExecutor() as pool:
        ids = dict(zip(CASES, pool.map(ask, product(ENDPOINTS, LOGS)), strict=True))
    for trace_id in ids.values():
        world.until_told(trace_id)
    return ids


@all_cases
@all_senders
def test_a_broken_stream_costs_in_its_trace_what_was_booked(
    world: World, traced: Mapping[str, str], name: str, sender: str
) -> None:
    spans, line = world.recorder.trace(traced[name], sent_by=sender), world.line(traced[name])
    assert cost_of(spans) == round(float(line["cost_usd"]) * 1e9) > 0
    assert len(roots(spans)) == 1
    assert [call.is_error for call in calls(spans)] == [True]


@all_cases
def test_a_broken_stream_is_a_failure_by_name(world: World, traced: Mapping[str, str], name: str) -> None:
    """Also of a message that the host translates: there no hook tells of the end."""
    line, [root] = world.line(traced[name]), roots(world.recorder.trace(traced[name], sent_by="langfuse_otel"))
    assert line["ending"] == "failure"
    assert root.attributes["langfuse.observation.status_message"]
    assert root.attributes["langfuse.observation.level"] == "ERROR"
    assert root.attributes["langfuse.trace.name"] != "litellm-None"


@all_senders
def test_a_message_that_is_streamed_anew_stays_in_its_trace(world: World, sender: str) -> None:
    trace_id = world.ask("/v1/messages", FLAKY, question := new_question())
    world.until_told(trace_id)
    spans = world.recorder.trace(trace_id, sent_by=sender)

    assert {span.trace_id for span in world.recorder.spans_about(question) if span.sent_by == sender} == {trace_id}
    assert cost_of(spans) == round(float(world.line(trace_id)["cost_usd"]) * 1e9) > 0
    assert len(roots(spans)) == 1
