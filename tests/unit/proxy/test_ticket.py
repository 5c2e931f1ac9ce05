"""How a decision travels through the host, inside a word."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import orjson
import pytest

from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Layer, Reason
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.ticket import METADATA_KEY, Ticket
from litellm_plugins.settings import Cache
from litellm_plugins.telemetry.events import CacheDecided
from tests.unit.cache.builders import chat

DECISION = Decision(
    chat("my secret diagnosis"),
    Cache(),
    Verdict(Layer.MISS, Reason.EMPTY),
    CacheDecided(Layer.MISS, Reason.EMPTY, endpoint="chat", model_group="small"),
)


@pytest.fixture
def ticket() -> Ticket:
    return Ticket(DECISION)


def test_a_ticket_reads_as_a_word_that_says_nothing(ticket: Ticket) -> None:
    """Other loggers print the metadata."""
    for told in (str(ticket), repr(ticket), f"{ticket}", "%s" % ticket, repr({"metadata": ticket})):  # noqa: UP031 - a way to print
        assert "diagnosis" not in told
        assert "Decision" not in told
    assert len(ticket) >= 16


def test_every_ticket_is_another_word() -> None:
    """Nobody can guess the next, though guessing would not help him."""
    assert len({str(Ticket(DECISION)) for _ in range(1_000)}) == 1_000


def test_copies_of_the_metadata_keep_the_decision(ticket: Ticket) -> None:
    """The host deep-copies a request for its fallbacks."""
    metadata = {METADATA_KEY: ticket, "tags": ["a"]}
    for copied in (copy.copy(metadata), copy.deepcopy(metadata), dict(metadata), {**metadata}):
        found = tickets.find({"metadata": copied})
        assert found is ticket
        assert found.decision is DECISION
    assert copy.copy(ticket) is ticket


def test_what_was_noted_on_a_copy_is_noted_everywhere(ticket: Ticket) -> None:
    """A retry works on a copy, and must not write the trace's notes again."""
    copied = copy.deepcopy({METADATA_KEY: ticket})[METADATA_KEY]
    assert not ticket.noted
    copied.noted = True
    assert ticket.noted


def test_a_ticket_leaves_the_process_as_a_plain_word(ticket: Ticket) -> None:
    """To Redis, a queue or a log: neither the question nor our classes go along."""
    word = str(ticket)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        pickled = pickle.dumps({"m": ticket}, protocol)
        assert b"litellm_plugins" not in pickled
        assert b"diagnosis" not in pickled
        assert type(pickle.loads(pickled)["m"]) is str
        assert pickle.loads(pickled)["m"] == word
    assert json.loads(json.dumps({"m": ticket})) == {"m": word}
    assert orjson.loads(orjson.dumps({"m": ticket})) == {"m": word}


@pytest.mark.parametrize(
    "data",
    [
        lambda m: {"metadata": m},
        lambda m: {"litellm_metadata": m},
        lambda m: {"litellm_metadata": {}, "metadata": m},
        lambda m: {"litellm_metadata": None, "metadata": m},
        lambda m: {"litellm_params": {"metadata": m}},
        lambda m: {"litellm_params": {"litellm_metadata": m}, "metadata": None},
    ],
)
def test_a_ticket_is_found_wherever_the_host_keeps_the_metadata(ticket: Ticket, data: Any) -> None:
    """Each hook is handed another shape."""
    assert tickets.find(data({METADATA_KEY: ticket})) is ticket


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"metadata": None},
        {"metadata": "x"},
        {"metadata": []},
        {"metadata": {}},
        {"litellm_params": None},
        {"litellm_params": "x"},
        {METADATA_KEY: Ticket(DECISION)},
        {"metadata": {METADATA_KEY: None}},
        {"metadata": {METADATA_KEY: {"decision": DECISION}}},
        {"metadata": {METADATA_KEY: DECISION}},
        {"metadata": {METADATA_KEY: str(Ticket(DECISION))}},
    ],
)
def test_nothing_that_a_client_can_send_is_a_ticket(data: dict[str, Any]) -> None:
    """Words and objects of JSON are not: a decision cannot be forged, nor another's be replayed."""
    assert tickets.find(data) is None


def test_attaching_puts_a_fresh_ticket_over_what_a_client_had_put_there() -> None:
    """His word would otherwise end up in other loggers as ours."""
    metadata: dict[str, Any] = {METADATA_KEY: "forged", "mine": 1}
    attached = tickets.attach(metadata, DECISION)
    assert metadata == {METADATA_KEY: attached, "mine": 1}
    assert tickets.find({"metadata": metadata}) is attached
    assert tickets.attach(metadata, DECISION) != attached


def test_the_metadata_to_write_to_is_the_one_that_the_host_reads() -> None:
    """Its own place before the client's; where there is none, none is made up that nobody would read."""
    both: dict[str, Any] = {"metadata": {"a": 1}, "litellm_metadata": {"b": 2}}
    assert tickets.metadata_of(both) is both["litellm_metadata"]
    only: dict[str, Any] = {"metadata": {"a": 1}, "litellm_metadata": None}
    assert tickets.metadata_of(only) is only["metadata"]
    for nothing in ({}, {"metadata": None}, {"metadata": "x", "litellm_metadata": []}):
        assert tickets.metadata_of(nothing) is None
