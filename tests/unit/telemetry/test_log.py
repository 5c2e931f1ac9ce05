"""The log: JSON lines that somebody can search, without anybody's words in them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from litellm_plugins.model import Layer, Reason
from litellm_plugins.telemetry.events import AnomalyFound, AnswerHandled, BudgetAlert, StageFailed
from litellm_plugins.telemetry.sinks.log import LOGGER, LogSink
from tests.unit.cache.fakes import Clock
from tests.unit.telemetry.events import hit, miss

BROKEN = StageFailed("store", "store_busy", "database is locked")


class Lines(logging.Handler):
    """Keeps what is logged, read back from its JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.heads: list[tuple[float, str]] = []
        self.fields: list[dict[str, Any]] = []
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        assert "\n" not in message, "one line each"
        self.text += message
        self.levels.append(record.levelno)
        fields = json.loads(message)
        self.heads.append((fields.pop("time"), fields.pop("level")))
        self.fields.append(fields)


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    level, propagate = LOGGER.level, LOGGER.propagate
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    yield handler
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)
    LOGGER.propagate = propagate


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


def test_a_line_says_when_and_how_bad(lines: Lines) -> None:
    """A collector reads the JSON alone: what a formatter would put before it is not there."""
    before = time.time()
    sink = LogSink()
    sink.record(hit())
    sink.record(BROKEN)
    (decided_at, info), (failed_at, warning) = lines.heads
    assert before - 0.001 <= decided_at <= failed_at <= time.time() + 0.001
    assert (info, warning) == ("INFO", "WARNING")


def test_a_decision_is_one_line_with_everything_that_headers_say(lines: Lines, clock: Clock) -> None:
    """And who asked, which headers do not say."""
    LogSink(clock=clock).record(hit())
    assert lines.levels == [logging.INFO]
    assert lines.fields == [
        {
            "event": "cache_decision",
            "cache": "semantic",
            "reason": "above_threshold",
            "class": "faq",
            "endpoint": "chat",
            "model": "small",
            "team": "Support",
            "key": "ci-key",
            "stream": True,
            "decision_ms": 1.234,
            "similarity": 0.9434,
            "cache_id": "0123abcd",
            "saved_usd": "0.000001234",
        }
    ]


def test_what_the_verifier_thought_is_in_the_line(lines: Lines) -> None:
    LogSink().record(miss(similarity=0.5, probability=0.98765))
    assert (lines.fields[0]["similarity"], lines.fields[0]["probability"]) == (0.5, 0.9877)


def test_a_miss_has_no_fields_of_a_hit(lines: Lines) -> None:
    """Null would have to be told from zero."""
    LogSink().record(miss())
    assert not {"similarity", "probability", "cache_id", "saved_usd"} & lines.fields[0].keys()


def test_nobodys_question_is_ever_logged(lines: Lines) -> None:
    """Logs are kept longer and read by more people than traces."""
    sink = LogSink()
    for layer in Layer:
        for reason in Reason:
            sink.record(hit(layer=layer, reason=reason, matched_question="my secret diagnosis"))
    assert "diagnosis" not in lines.text


def test_a_stored_answer_is_no_line_and_a_refused_one_says_why(lines: Lines) -> None:
    """Storing is what is expected."""
    sink = LogSink()
    sink.record(AnswerHandled("small", None))
    sink.record(AnswerHandled("small", Reason.INCOMPLETE_ANSWER))
    assert lines.fields == [{"event": "not_stored", "reason": "incomplete_answer", "model": "small"}]


def test_a_failure_is_a_warning_with_its_detail(lines: Lines, clock: Clock) -> None:
    LogSink(clock=clock).record(BROKEN)
    assert lines.levels == [logging.WARNING]
    assert lines.fields == [
        {
            "event": "stage_failed",
            "stage": "store",
            "reason": "store_busy",
            "detail": "database is locked",
            "more_since_last": 0,
        }
    ]


def test_a_failure_that_repeats_is_one_line_a_minute_that_counts_the_rest(lines: Lines, clock: Clock) -> None:
    """A full disk at 500 requests a second must not fill the disk with lines about it."""
    sink = LogSink(clock=clock)
    for second in range(150):
        clock.now = float(second)
        sink.record(BROKEN)
    assert [line["more_since_last"] for line in lines.fields] == [0, 59, 59]


def test_each_kind_of_failure_has_its_own_minute(lines: Lines, clock: Clock) -> None:
    """One must not silence the other."""
    sink = LogSink(clock=clock)
    kinds = [BROKEN, StageFailed("store", "store_full", ""), StageFailed("lookup", "store_busy", "")]
    for failure in kinds * 3:
        sink.record(failure)
    assert [(line["stage"], line["reason"]) for line in lines.fields] == [
        (failure.stage, failure.reason) for failure in kinds
    ]


def test_without_decisions_failures_are_still_told(lines: Lines) -> None:
    """`telemetry.log: false` quietens what is normal."""
    sink = LogSink(decisions=False)
    for event in (hit(), AnswerHandled("small", Reason.EMPTY_ANSWER), BROKEN):
        sink.record(event)
    assert [line["event"] for line in lines.fields] == ["stage_failed"]


def test_a_logger_that_is_turned_down_costs_no_line(lines: Lines) -> None:
    """The operator's level holds."""
    LOGGER.setLevel(logging.WARNING)
    LogSink().record(hit())
    assert lines.fields == []


@pytest.mark.parametrize("name", ["\ud83d", "a\nb", 'a"b', "\u2028", "\x00", "naïve"])
def test_a_name_of_any_characters_is_told_on_one_line_and_never_breaks_the_request(lines: Lines, name: str) -> None:
    """The model's name comes from the client, as JSON that may carry half a surrogate pair. A sink must not raise."""
    sink = LogSink()
    sink.record(miss(model_group=name, team=name, key=name))
    sink.record(AnswerHandled(name, Reason.EMPTY_ANSWER))
    sink.record(StageFailed("lookup", "internal_error", name))
    assert len(lines.fields) == 3


ANOMALY = AnomalyFound(
    "retry_storm",
    {
        "type": "anomaly.retry_storm",
        "user": "alice",
        "value": 60.0,
        "moved": [{"user": "alice", "part": 1.0}, {"model": "large", "part": 0.2}],
        "text": "60 of 60 requests of user alice failed in an hour.",
    },
)


def test_an_anomaly_names_its_user_only_where_log_lines_may(lines: Lines) -> None:
    LogSink().record(ANOMALY)
    LogSink(users=True).record(ANOMALY)
    hidden, whole = lines.fields
    assert "alice" not in str(hidden)
    assert hidden["value"] == 60.0
    assert hidden["moved"][1] == {"model": "large", "part": 0.2}
    assert whole["user"] == "alice"
    assert whole["text"] == ANOMALY.told["text"]


def test_an_anomaly_of_no_user_is_told_whole(lines: Lines) -> None:
    LogSink().record(AnomalyFound("hit_rate", {"feature": "faq", "moved": [{"team": "a"}], "text": "It fell."}))
    assert lines.fields[0]["text"] == "It fell."
    assert lines.fields[0]["moved"] == [{"team": "a"}]


@pytest.mark.parametrize("account", ["a-day/user=ann", "a-day/team=sales,end_user=ann"])
def test_whose_budget_rings_is_told_only_where_the_settings_say_so(lines: Lines, account: str) -> None:
    told = {"budget": "a-day", "account": account, "holder": "user ann", "spent": 3.5, "text": "Budget of user ann"}
    LogSink().record(BudgetAlert(told))
    LogSink(users=True).record(BudgetAlert(told))
    hidden, shown = lines.fields
    assert "ann" not in str(hidden)
    assert (hidden["budget"], hidden["spent"], hidden["holder"]) == ("a-day", 3.5, "(telemetry.users)")
    assert (shown["account"], shown["text"]) == (account, "Budget of user ann")


def test_a_team_s_budget_rings_by_its_name(lines: Lines) -> None:
    LogSink().record(BudgetAlert({"budget": "a-day", "account": "a-day/team=sales", "text": "Budget of team sales"}))
    assert lines.fields[0]["text"] == "Budget of team sales"
