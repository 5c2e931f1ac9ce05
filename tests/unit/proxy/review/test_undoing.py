"""What is taken down beside an item keeps a wrong answer away, by whatever way it would come back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from litellm_plugins.cache.keys import Keys
from litellm_plugins.cache.pairs import keys_of_hit
from litellm_plugins.cache.store import Entry
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Layer, Reason, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy.review.undoing import hit_of, of_fresh, of_hit
from litellm_plugins.settings import Cache
from tests.unit.review.samples import item

KEYS = Keys("team:support", b"p" * 32, b"k" * 32, "How do I pay?")
ENTRY = Entry(
    key=b"e" * 32, partition=b"p" * 32, question="How to pay?", body=b"{}", model="m", provider="p", cost_nano_usd=0,
    prompt_tokens=1, completion_tokens=1, created_at=0.0, expires_at=1.0, answer_id=b"a" * 16,
)  # fmt: skip
BODY: dict[str, Any] = {"choices": [{"message": {"content": "By card."}}]}


def decided(verdict: Verdict) -> Decision:
    request = Request("chat", "m", ({"role": "user", "content": "How do I pay?"},), {}, Identity(team_id="support"))
    return Decision(request, Cache(), verdict, None)  # type: ignore[arg-type]  # no event is asked for


@pytest.mark.parametrize(
    ("layer", "reason", "matched"),
    [
        (Layer.EXACT, Reason.SAME_REQUEST, None),
        (Layer.SEMANTIC, Reason.SAME_WORDS, "how do i pay"),
        (Layer.SEMANTIC, Reason.VERIFIED, "How to pay?"),
    ],
)
def test_the_same_answer_under_another_question_does_not_take_the_place_of_a_wrong_hit(
    layer: Layer, reason: Reason, matched: str | None
) -> None:
    verdict = Verdict(layer, reason, entry=ENTRY, keys=KEYS, matched_question=matched)
    hit = hit_of(item(1, cache_id=ENTRY.cache_id, hit=of_hit(decided(verdict), ENTRY, "space")))
    assert hit is not None
    assert (hit.cache_id, hit.stored_at_s) == (ENTRY.cache_id, None)
    elsewhere = keys_of_hit(KEYS.partition, "How do I pay?", "Can I pay?", ENTRY.answer_id)
    assert set(elsewhere) & set(hit.pairs)
    another = keys_of_hit(KEYS.partition, "How do I pay?", "Can I pay?", b"b" * 16)
    assert not set(another) & set(hit.pairs)


def test_of_a_fresh_answer_it_is_what_it_was_stored_as() -> None:
    missed = Verdict(Layer.MISS, Reason.EMPTY, keys=KEYS)
    hit = hit_of(item(1, hit=of_fresh(decided(missed), BODY, 12.5)))
    assert hit is not None
    assert (hit.tenant, hit.cache_id, hit.stored_at_s) == ("team:support", "6b" * 16, 12.5)
    again = keys_of_hit(KEYS.partition, "how do I pay", "Can I pay?", hit.answer_id)
    assert set(again) & set(hit.pairs)


@pytest.mark.parametrize(
    "verdict",
    [Verdict(Layer.OFF, Reason.DISABLED), Verdict(Layer.BYPASS, Reason.REQUESTED)],
)
def test_of_what_was_not_kept_for_others_there_is_nothing_to_undo(verdict: Verdict) -> None:
    assert hit_of(item(1, hit=of_fresh(decided(verdict), BODY, 1.0))) is None
    assert hit_of(item(1, hit=of_fresh(decided(replace(verdict, keys=KEYS)), {}, 1.0))) is None


def test_nothing_of_it_is_a_text() -> None:
    told = of_fresh(decided(Verdict(Layer.MISS, Reason.EMPTY, keys=KEYS)), BODY, 1.0)
    assert not any(word in told for word in ("pay", "card"))
    assert set(orjson.loads(told)) == {
        "tenant", "partition", "owner", "answer_id", "stored_as", "stored_at_s", "pairs",
    }  # fmt: skip
