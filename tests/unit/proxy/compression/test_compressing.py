"""Stage 5 without a proxy: what is sent, what is remembered, and what the event loop feels of it."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.compression.asked import question_of
from litellm_plugins.compression.lossless import restore
from litellm_plugins.model import Identity, Layer, Reason, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.compression.job import Job
from litellm_plugins.proxy.compression.replaced import undone
from litellm_plugins.proxy.compression.stage import host_compression
from litellm_plugins.proxy.ticket import Ticket
from litellm_plugins.settings import Policies, parse
from litellm_plugins.telemetry.events import CacheDecided, PromptCompressed, StageFailed, Telemetry
from tests.support.sinks import Heard

RECORDS = [{"id": at, "name": f"Ann {at % 7}", "email": f"user{at}@example.com", "paid": at * 1.5} for at in range(60)]
ASKED = "Which of them has paid most, and how much was it?"
TEXT = f"Here are our customers.\n\n{json.dumps(RECORDS, indent=2)}\n\n{ASKED}"
PROSE = "The committee of place {0} met in year {0} and did not approve   of it: costs were ${0}.50, see note {0}.\n"


def _no_router() -> None:
    return None


class Stage:
    """The stage with settings, and what it told."""

    def __init__(self, over: Mapping[str, Any], job: type[Job] = Job) -> None:
        block = {"enabled": True, "min_tokens": 200, "deadline_ms": 20_000, **over}
        self.heard = Heard()
        settings, book = parse({"compression": block}), PriceBook({}, router=_no_router)
        made = host_compression(settings, Policies(settings), book, Telemetry([self.heard]), job=job, router=_no_router)
        assert made is not None
        self.stage = made

    async def sent(self, data: dict[str, Any], *, endpoint: str = "chat", feature: str = "") -> Ticket:
        """`data` as it is sent, in place, and its ticket."""
        request = Request(endpoint, "gpt-4.1", (), {}, Identity(team_id="t"), feature=feature)
        event = CacheDecided(Layer.MISS, Reason.EMPTY, endpoint, "gpt-4.1")
        ticket = Ticket(Decision(request, Policies(parse({})).base, Verdict(Layer.MISS, Reason.EMPTY), event))
        await self.stage.compress(ticket, data)
        self.stage.tell(ticket, data)
        return ticket

    @property
    def told(self) -> PromptCompressed:
        """The last event."""
        last = self.heard.events[-1]
        assert isinstance(last, PromptCompressed)
        return last


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage({})
    yield made
    await made.stage.aclose()


def said(*texts: str) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


async def test_the_clients_own_objects_are_never_changed(stage: Stage) -> None:
    data: dict[str, Any] = {"model": "gpt-4.1", "messages": said(TEXT)}
    theirs, before = data["messages"], copy.deepcopy(data)

    await stage.sent(data)

    assert theirs == before["messages"]
    assert data["messages"] is not theirs
    assert data["messages"][0]["content"].endswith(ASKED)
    assert json.loads(restore(data["messages"][0]["content"]).split("\n\n")[1]) == RECORDS
    assert stage.told.reason == "applied"
    assert stage.told.tokens_before is not None
    assert stage.told.tokens_after is not None
    assert stage.told.tokens_after < stage.told.tokens_before / 2


async def test_an_old_turn_is_the_same_bytes_in_every_later_request(stage: Stage) -> None:
    seen: list[str] = []
    turns = [TEXT, "It was Ann.", TEXT.replace("paid", "owed"), "Bob.", "And who comes second?"]
    for until in (1, 3, 5):
        data: dict[str, Any] = {"model": "gpt-4.1", "messages": said(*turns[:until])}
        await stage.sent(data)
        assert stage.told.reason == "applied"
        assert data["messages"][0]["content"] != TEXT
        seen.append(json.dumps(data["messages"])[:-1])
    assert seen[2].startswith(seen[1])
    assert seen[1].startswith(seen[0])


@pytest.mark.parametrize("endpoint", ["messages", "responses", "completions"])
async def test_every_endpoint_says_it_in_its_own_field(stage: Stage, endpoint: str) -> None:
    field = {"messages": "messages", "responses": "input", "completions": "prompt"}[endpoint]
    data: dict[str, Any] = {"model": "gpt-4.1", field: said(TEXT) if endpoint == "messages" else TEXT}
    await stage.sent(data, endpoint=endpoint)
    sent = data[field][0]["content"] if endpoint == "messages" else data[field]
    assert "[table 1: 60 records" in sent
    assert sent.endswith(ASKED)


async def test_items_of_responses_are_read_too(stage: Stage) -> None:
    result = {"type": "function_call_output", "call_id": "c", "output": TEXT}
    data: dict[str, Any] = {
        "model": "gpt-4.1",
        "input": [result, {"role": "user", "content": [{"type": "input_text", "text": TEXT}]}],
    }
    await stage.sent(data, endpoint="responses")
    assert data["input"][0] == result
    assert "[table 1" in data["input"][1]["content"][0]["text"]


async def test_a_late_text_goes_out_as_it_is_and_stays_so() -> None:
    data: dict[str, Any] = {"model": "gpt-4.1", "messages": said(TEXT)}
    before = copy.deepcopy(data)

    class Slow(Job):
        def _squeezed(self, text: str, *more: Any) -> Any:
            time.sleep(0.2)
            return super()._squeezed(text, *more)

    stage = Stage({"deadline_ms": 100}, Slow)
    ticket = await stage.sent(data)
    assert data == before
    assert (stage.told.reason, stage.told.tokens_before) == ("deadline", None)
    assert ticket.compressed is not None
    assert not ticket.compressed.fields

    again = copy.deepcopy(before)
    await stage.sent(again)
    assert again == before
    assert stage.told.reason == "deadline"
    await stage.stage.aclose()


async def test_when_a_new_text_is_late_the_old_ones_are_still_what_they_were() -> None:
    class Slow(Job):
        def _squeezed(self, text: str, *more: Any) -> Any:
            time.sleep(1.0 if "owed" in text else 0)
            return super()._squeezed(text, *more)

    stage = Stage({"deadline_ms": 600}, Slow)
    first: dict[str, Any] = {"model": "gpt-4.1", "messages": said(TEXT)}
    await stage.sent(first)
    assert stage.told.reason == "applied"
    late = TEXT.replace("paid", "owed")
    second: dict[str, Any] = {"model": "gpt-4.1", "messages": said(TEXT, "Ann.", late)}
    await stage.sent(second)
    assert stage.told.reason == "deadline"
    assert second["messages"][0] == first["messages"][0]
    assert second["messages"][2]["content"] == late
    await stage.stage.aclose()


async def test_what_the_checker_misses_is_named_and_the_original_sent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "litellm_plugins.compression.rewriting.lossless",
        lambda text, **_: text.replace("user7@example.com", "").replace("  ", ""),
    )
    data: dict[str, Any] = {"model": "gpt-4.1", "messages": said(TEXT)}
    before = copy.deepcopy(data)
    await stage.sent(data)
    assert data == before
    assert stage.told.reason == "lost_email"


async def test_a_fault_of_ours_sends_the_original_and_is_counted() -> None:
    class Broken(Job):
        def run(self) -> None:
            raise RuntimeError("broken")

    stage = Stage({}, Broken)
    data: dict[str, Any] = {"model": "gpt-4.1", "messages": said(TEXT)}
    before = copy.deepcopy(data)
    ticket = await stage.sent(data)
    assert data == before
    assert ticket.compressed is None
    assert stage.heard.events == [StageFailed("compress", "internal_error", "RuntimeError")]
    await stage.stage.aclose()


async def test_why_nothing_was_done_is_told(stage: Stage) -> None:
    marked = [{"role": "user", "content": [{"type": "text", "text": TEXT, "cache_control": {"type": "ephemeral"}}]}]
    poem = "".join(PROSE.replace("   ", " ").format(at) for at in range(200))
    reasons: dict[str, Any] = {
        "short": {"messages": said("Hello there.")},
        "nothing_to_touch": {"messages": [{"role": "tool", "tool_call_id": "c", "content": TEXT}]},
        "cached_prefix": {"messages": marked},
        "little_saved": {"messages": said(poem)},
        "too_long": {"messages": said("word " * 250_000)},
        "unsupported_parameter": {"messages": said(TEXT), "extra_body": {"messages": said("Other.")}},
    }
    for reason, body in reasons.items():
        data = {"model": "gpt-4.1", **copy.deepcopy(body)}
        await stage.sent(data)
        assert (stage.told.reason, data) == (reason, {"model": "gpt-4.1", **body})


async def test_tools_lose_titles_and_examples_unless_the_settings_say_not(stage: Stage) -> None:
    city = {"type": "string", "title": "City", "description": "The city.", "examples": ["Paris", "Rome"]}
    schema = {"type": "object", "title": "Args", "properties": {"city": city}, "required": ["city"]}
    ours = {"type": "function", "function": {"name": "weather", "description": "Weather now.", "parameters": schema}}
    theirs = {"type": "web_search_preview", "title": None}
    data: dict[str, Any] = {"model": "gpt-4.1", "messages": said("Hello?"), "tools": [ours, theirs]}
    kept = copy.deepcopy(data)

    await stage.sent(data)
    assert data["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    }
    assert data["tools"][1] == theirs
    assert ours == kept["tools"][0]
    data["tools"][0]["function"]["name"] = "changed by the host"
    again = copy.deepcopy(kept)
    await stage.sent(again)
    assert again["tools"][0]["function"]["name"] == "weather"

    off = Stage({"tools": False})
    untouched = copy.deepcopy(kept)
    await off.sent(untouched)
    assert untouched == kept
    await off.stage.aclose()


async def test_a_feature_may_have_settings_of_its_own() -> None:
    stage = Stage({"features": {"exact": {"enabled": False}}})
    for feature, is_made in (("exact", False), ("", True)):
        data: dict[str, Any] = {"model": "gpt-4.1", "messages": said(TEXT)}
        ticket = await stage.sent(data, feature=feature)
        assert (ticket.compressed is not None, data["messages"][0]["content"] != TEXT) == (is_made, is_made)
    await stage.stage.aclose()


async def test_a_request_that_is_prepared_anew_is_read_as_its_client_sent_it(stage: Stage) -> None:
    data: dict[str, Any] = {"model": "gpt-4.1", "messages": said(TEXT)}
    ticket = await stage.sent(data)
    assert data["messages"] != said(TEXT)
    assert undone(ticket, data) is ticket
    assert data["messages"] == said(TEXT)


PLACES = ("Ash", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple", "Oak", "Pine", "Rowan", "Willow")
STORIES = " ".join(
    f"{place} lies by a river. The bridge of {place} was paid for by the guild of the bakers. Its market is known for"
    f" honey. In winter people skate there. The mayor of {place} likes the theatre."
    for place in PLACES
)
RAG = f"{STORIES}\n\nWho paid for the bridge of Larch?"
EXTRACTIVE = {"methods": ["extractive"], "extractive": {"strict": False}}


async def test_the_same_documents_are_remembered_by_what_is_asked_of_them() -> None:
    stage = Stage({**EXTRACTIVE, "rate": 0.4})
    sent = []
    for question in ("Who skates at Oak?", "Who likes the theatre of Pine?", "Who skates at Oak?"):
        blocks = [{"type": "text", "text": each} for each in (STORIES, question)]
        data: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": blocks}]}
        await stage.sent(data)
        assert stage.told.reason == "applied"
        assert data["messages"][0]["content"][1] == blocks[1]
        sent.append(data["messages"][0]["content"][0]["text"])
    assert sent[0] == sent[2] != sent[1]
    await stage.stage.aclose()


async def test_a_turns_question_is_looked_for_once_however_many_texts_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counting(texts: Sequence[str]) -> str:
        asked.append(len(texts))
        return question_of(texts)

    monkeypatch.setattr("litellm_plugins.proxy.compression.job.question_of", counting)
    stage = Stage(EXTRACTIVE)
    texts = [*(f"{STORIES} {at}" for at in range(5)), "Who skates at Oak?"]
    blocks = [{"type": "text", "text": each} for each in texts]
    await stage.sent({"model": "gpt-4.1", "messages": [{"role": "user", "content": blocks}]})
    assert stage.told.reason == "applied"
    assert asked == [6]
    await stage.stage.aclose()


async def test_a_later_question_changes_no_earlier_turn() -> None:
    stage = Stage(EXTRACTIVE)
    first: dict[str, Any] = {"model": "gpt-4.1", "messages": said(RAG)}
    await stage.sent(first)
    assert first["messages"][0]["content"] != RAG
    fresh = Stage(EXTRACTIVE)  # another worker, which has never seen it
    later: dict[str, Any] = {"model": "gpt-4.1", "messages": said(RAG, "The bakers.", "And who skates at Oak?")}
    await fresh.sent(later)
    assert later["messages"][0] == first["messages"][0]
    await stage.stage.aclose()
    await fresh.stage.aclose()


async def test_where_the_embedder_is_late_words_choose_and_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(30)

    by_words = Stage(EXTRACTIVE)
    plain: dict[str, Any] = {"model": "gpt-4.1", "messages": said(RAG)}
    await by_words.sent(plain)
    monkeypatch.setattr("litellm_plugins.compression.extractive.semantic.SemanticSelector.worth", slow)
    stage = Stage({**EXTRACTIVE, "extractive": {"strict": False, "embeddings": True}, "deadline_ms": 1_500})
    data: dict[str, Any] = {"model": "gpt-4.1", "messages": said(RAG)}
    await stage.sent(data)
    assert stage.told.reason == "applied"
    assert data == plain
    assert StageFailed("compress", "embedder_late", "words alone chose") in stage.heard.events
    await stage.stage.aclose()
    await by_words.stage.aclose()


async def test_the_local_embedder_chooses_too() -> None:
    stage = Stage({**EXTRACTIVE, "extractive": {"strict": False, "embeddings": True}})
    data: dict[str, Any] = {"model": "gpt-4.1", "messages": said(RAG)}
    await stage.sent(data)
    assert stage.told.reason == "applied"
    assert "The bridge of Larch was paid for by the guild of the bakers." in data["messages"][0]["content"]
    assert not any(isinstance(event, StageFailed) for event in stage.heard.events)
    await stage.stage.aclose()


LONG = {
    "stories": "\n\n".join(f"Chapter {at} of the book. {STORIES}" for at in range(95)),
    "prose": "".join(PROSE.format(at) for at in range(2_000)),
    "blanks": "".join(PROSE.format(at) + " \t  \n\n \t \n\n\n" for at in range(2_000)),
    "records": json.dumps([{**row, "note": PROSE.format(at)} for at, row in enumerate(RECORDS * 17)], indent=2),
}


@pytest.mark.parametrize(
    ("kind", "reason", "methods"),
    [
        ("prose", "little_saved", ["lossless"]),
        ("blanks", "applied", ["lossless"]),
        ("records", "applied", ["lossless"]),
        ("stories", "applied", ["extractive"]),
    ],
)
async def test_the_event_loop_is_not_held_up_by_200_000_characters(kind: str, reason: str, methods: list[str]) -> None:
    stage, text = Stage({**EXTRACTIVE, "methods": methods}), LONG[kind]
    assert len(text) > 200_000
    await stage.sent({"model": "gpt-4.1", "messages": said(TEXT)})  # the tokenizer is loaded on first use
    worst: list[float] = []
    for at in range(3):  # of three: a collection of garbage may fall into one
        data: dict[str, Any] = {
            "model": "gpt-4.1",
            "messages": said(f"Text {at}.\n\n{text}\n\nWho likes the theatre of {PLACES[at]}, and not only in winter?"),
        }
        lags: list[float] = []
        ticking = asyncio.create_task(_tick(lags))
        await stage.sent(data)
        ticking.cancel()
        assert stage.told.reason == reason, "it was looked at to its end"
        worst.append(max(lags))
    assert min(worst) < 0.05
    await stage.stage.aclose()


async def _tick(lags: list[float]) -> None:
    """What this process computes between two turns of the loop, in seconds of CPU: others use the machine as well."""
    while True:
        began = time.process_time()
        await asyncio.sleep(0.001)
        lags.append(time.process_time() - began)
