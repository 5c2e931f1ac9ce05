"""What may be said of an answer, and by whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.errors import RequestError
from litellm_plugins.review.feedback import About, NotTheirs, Said, Served, Verdict, feedback_id, feedback_on, read

SERVED = Served("a" * 32, "b" * 32, "team:support", 1.0, cache_id="c" * 32, layer="exact", model_group="gpt-4.1")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"trace_id": "t", "verdict": "up"}, Said(About.TRACE, "t", 1.0, Verdict.UP)),
        ({"call_id": "t", "verdict": "down"}, Said(About.CALL, "t", 0.0, Verdict.DOWN)),
        ({"cache_id": " t ", "score": 0.25}, Said(About.CACHE, "t", 0.25)),
        (
            {"trace_id": "t", "score": 1, "comment": " So so ", "user": "u"},
            Said(About.TRACE, "t", 1.0, None, "So so", "u"),
        ),
        ({"trace_id": "t", "call_id": None, "score": 0, "comment": None}, Said(About.TRACE, "t", 0.0)),
    ],
)
def test_what_is_said_is_understood(body: dict[str, Any], said: Said) -> None:
    assert read(body) == said


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"verdict": "up"}, "trace_id"),
        ({"trace_id": "t", "cache_id": "c", "verdict": "up"}, "trace_id"),
        ({"trace_id": "", "verdict": "up"}, "trace_id"),
        ({"trace_id": 7, "verdict": "up"}, "trace_id"),
        ({"trace_id": "t" * 257, "verdict": "up"}, "trace_id"),
        ({"trace_id": "t"}, "verdict"),
        ({"trace_id": "t", "verdict": "up", "score": 1}, "verdict"),
        ({"trace_id": "t", "verdict": "UP"}, "verdict"),
        ({"trace_id": "t", "verdict": ["up"]}, "verdict"),
        ({"trace_id": "t", "score": True}, "score"),
        ({"trace_id": "t", "score": -0.1}, "score"),
        ({"trace_id": "t", "score": float("nan")}, "score"),
        ({"trace_id": "t", "score": "1"}, "score"),
        ({"trace_id": "t", "score": 1, "comment": "x" * 2_001}, "comment"),
        ({"trace_id": "t", "score": 1, "comment": {"a": 1}}, "comment"),
        ({"trace_id": "t", "score": 1, "user": "x" * 129}, "user"),
        ({"trace_id": "t", "score": 1, "stars": 5}, "stars"),
    ],
)
def test_nonsense_names_its_field(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        read(body)
    assert refused.value.param == param


def test_a_key_speaks_about_its_own_team_s_traffic_and_an_admin_about_all() -> None:
    said = read({"trace_id": "t", "verdict": "up"})
    for tenant in ("team:support", None):
        assert feedback_on(said, SERVED, by="k", tenant=tenant, at_s=2.0).tenant == "team:support"
    for stranger in ("team:sales", "key:support", ""):
        with pytest.raises(NotTheirs):
            feedback_on(said, SERVED, by="k", tenant=stranger, at_s=2.0)


def test_the_same_caller_on_the_same_answer_has_one_voice() -> None:
    def id_of(by: str = "k", **body: Any) -> str:
        return feedback_on(read({"score": 1, **body}), SERVED, by=by, tenant=None, at_s=2.0).id

    assert id_of(trace_id="anything") == id_of(trace_id="anything", comment="Hm.") == id_of(call_id="its call")
    others = {id_of(trace_id="t"), id_of(cache_id="c"), id_of(by="l", trace_id="t"), id_of(trace_id="t", user="u")}
    assert len(others) == 4
    assert feedback_id("ab", About.TRACE, "c") != feedback_id("a", About.TRACE, "bc")


def test_it_keeps_what_a_review_wants_to_know_of_the_answer() -> None:
    kept = feedback_on(
        read({"cache_id": "c", "score": 0}), replace(SERVED, feature="faq"), by="k", tenant=None, at_s=2.0
    )
    assert (kept.cache_id, kept.trace_id, kept.layer) == ("c" * 32, "a" * 32, "exact")
    assert (kept.model_group, kept.feature) == ("gpt-4.1", "faq")
