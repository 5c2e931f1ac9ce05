"""Thumbs on their way from the desk to the store and to Langfuse."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import litellm
import pytest
from fastapi import Request
from litellm.proxy._types import ProxyException

from litellm_plugins.proxy.boot import build
from litellm_plugins.proxy.review.feedback import FeedbackDesk
from litellm_plugins.review.feedback import Served
from litellm_plugins.review.pace import TooOften
from litellm_plugins.settings import parse
from litellm_plugins.telemetry.sinks.langfuse_spans import span_id_of, trace_id_of
from tests.support.receiver import Receiver

CALL, OTHER = "b" * 32, "d" * 32
SAID = {"call_id": CALL, "verdict": "down", "comment": "That was last year."}


@pytest.fixture
def langfuse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver()
    monkeypatch.setenv("LANGFUSE_HOST", receiver.url.removesuffix(receiver.path))
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-test")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-test")
    yield receiver
    receiver.close()


@pytest.fixture
def desk(tmp_path: Path, langfuse: Receiver) -> FeedbackDesk:
    pack = build(parse({"storage": {"url": f"sqlite:///{tmp_path / 'pack.db'}"}, "telemetry": {"prometheus": False}}))
    assert pack.feedback is not None
    return pack.feedback


def served(call_id: str = CALL, **other: str) -> Served:
    return Served("a" * 32, call_id, "team:support", time.time(), layer="miss", **other)


@pytest.mark.parametrize(("hidden", "told"), [(False, "That was last year."), (True, None)])
async def test_a_comment_is_told_as_the_host_s_settings_say_now(
    desk: FeedbackDesk, langfuse: Receiver, monkeypatch: pytest.MonkeyPatch, hidden: bool, told: str | None
) -> None:
    """The host reads its settings in the order of the YAML: `callbacks`, which loads us, may well stand first."""
    monkeypatch.setattr(litellm, "turn_off_message_logging", hidden)
    desk.start(lambda _: None)
    desk.serve(served())
    assert (await desk.take(SAID, by="key", tenant="team:support", traced=True))["langfuse"] == "queued"
    await desk.aclose()
    ((_, score, _),) = langfuse.got
    assert score["value"] == 0.0
    assert score.get("comment") == told


async def test_a_key_may_say_so_much_a_minute_and_an_admin_any(tmp_path: Path) -> None:
    settings = {"storage": {"url": f"sqlite:///{tmp_path / 'pack.db'}"}, "telemetry": {"prometheus": False}}
    desk = build(parse({**settings, "feedback": {"max_per_minute": 2}})).feedback
    assert desk is not None
    desk.start(lambda _: None)
    desk.serve(served())
    for _ in range(2):
        await desk.take(SAID, by="loud", tenant="team:support", traced=False)
    with pytest.raises(TooOften):
        await desk.take(SAID, by="loud", tenant="team:support", traced=False)
    await desk.take(SAID, by="quiet", tenant="team:support", traced=False)
    for _ in range(3):
        await desk.take(SAID, by="loud", tenant=None, traced=False)
    await desk.aclose()


async def test_one_client_s_odd_words_cost_nobody_else_his_feedback(desk: FeedbackDesk, tmp_path: Path) -> None:
    """They are written many at a time; and what is remembered of an answer is small, whatever its client calls it."""
    desk.start(lambda _: None)
    desk.serve(served(OTHER, feature="half \ud83d" + "x" * 1_000_000, model_group="\ud83d"))
    desk.serve(served(feature="faq"))
    told = await desk.take(SAID, by="key", tenant="team:support", traced=False)
    assert told["trace_id"] == "a" * 32
    await desk.aclose()
    assert _size(tmp_path) < 1_000_000


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.iterdir())


def test_any_word_of_a_client_s_names_a_trace() -> None:
    assert len(trace_id_of("\ud83d")) == 32
    assert len(span_id_of("\ud83d")) == 16


@pytest.mark.filterwarnings("ignore")  # the host's
async def test_no_more_is_read_of_a_body_than_it_may_have(desk: FeedbackDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key may speak here: a long body was taken in whole before it was refused."""
    from litellm.proxy import proxy_server

    from litellm_plugins.proxy.review.feedback_routes import PATH, feedback_route

    pieces = 0

    async def receive() -> dict[str, object]:
        nonlocal pieces
        pieces += 1
        return {"type": "http.request", "body": b" " * 16_384, "more_body": pieces < 1_000}

    monkeypatch.setattr(proxy_server, "master_key", "sk-master")
    headers = [(b"authorization", b"Bearer sk-master"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers, "query_string": b"", "state": {}}
    scope |= {"scheme": "http", "server": ("test", 80), "root_path": ""}
    with pytest.raises(ProxyException) as refused:
        await feedback_route(desk, traced=lambda: False).endpoint(Request(scope, receive))
    assert refused.value.code == "400"
    assert pieces == 3
