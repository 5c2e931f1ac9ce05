"""What an administrator may say, and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.cache.admin.reading import Curation, curation_of, selector_of
from litellm_plugins.cache.store import Selector
from litellm_plugins.errors import RequestError

ID = "0123456789abcdef0123456789ABCDEF"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({}, None),
        ({"curated": True}, None),
        ({"tag": None, "model": None}, None),
        ({"tag": "a"}, Selector(tag="a")),
        ({"tag": "a", "curated": False}, Selector(tag="a", pinned=False)),
        ({"cache_id": ID}, Selector(cache_id=ID.lower())),
        ({"version": "v2"}, Selector(tag="version:v2", pinned=False)),
        ({"namespace": ""}, Selector(namespace="", pinned=False)),
        ({"model": "m", "text": "lost"}, Selector(model_group="m", text="lost", pinned=False)),
        ({"team": "x"}, Selector(tenant="team:x", pinned=False)),
        ({"key": "abc", "curated": "true"}, Selector(tenant="key:abc", pinned=True)),
        ({"tenant": "everyone"}, Selector(tenant="everyone", pinned=False)),
    ],
)
def test_a_selector_spares_curated_answers_unless_they_are_named(given: dict[str, Any], meant: Selector | None) -> None:
    assert selector_of(given) == meant


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"tagg": "a"}, "tagg"),
        ({"dry_run": True}, "dry_run"),
        ({"tag": ""}, "tag"),
        ({"tag": 7}, "tag"),
        ({"tag": "a", "version": "b"}, "version"),
        ({"team": "a", "key": "b"}, "key"),
        ({"text": "x" * 1_001}, "text"),
        ({"curated": "maybe"}, "curated"),
        ({"key": "sk-1"}, "key"),
    ],
)
def test_a_slip_never_widens_a_selector(given: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        selector_of(given)
    assert caught.value.param == param


def test_a_curated_answer_has_questions_an_answer_and_somebody_it_is_meant_for() -> None:
    given = {"question": " A? ", "questions": ["B?", "A?"], "answer": "Yes.", "team": "x", "tags": ["b", "a"]}
    assert curation_of(given) == Curation(("A?", "B?"), "Yes.", "team:x", "", None, None, ("a", "b"))
    narrow = {"question": "A?", "answer": "Y", "everyone": True, "model": "m", "system": "", "namespace": "n"}
    assert curation_of(narrow) == Curation(("A?",), "Y", "everyone", "n", "m", "", ())


@pytest.mark.parametrize(
    ("different", "param"),
    [
        ({"answer": None}, "answer"),
        ({"answer": " "}, "answer"),
        ({"question": None}, "questions"),
        ({"questions": "A?"}, "questions"),
        ({"questions": [""]}, "questions"),
        ({"questions": [f"{n}?" for n in range(100)]}, "questions"),
        ({"team": None}, "team"),
        ({"everyone": True}, "team"),
        ({"key": "abc"}, "key"),
        ({"team": None, "tenant": "global"}, "tenant"),
        ({"tags": "a"}, "tags"),
        ({"tags": ["a b"]}, "tags"),
        ({"ttl": 5}, "ttl"),
    ],
)
def test_one_that_is_not_whole_is_refused_with_the_field_at_fault(different: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        curation_of({"question": "A?", "answer": "Yes.", "team": "x"} | different)
    assert caught.value.param == param
