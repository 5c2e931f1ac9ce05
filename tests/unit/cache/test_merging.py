"""Which requests may be served the answer to the very same one that is in flight."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.cache.checks import Withheld
from litellm_plugins.cache.keys import Keys
from litellm_plugins.cache.merging import may_be_merged
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import CacheControls, Layer, Reason
from litellm_plugins.settings import Cache
from tests.unit.cache.builders import chat

KEYS = Keys("team:support", b"p" * 32, b"k" * 32, "lost")
MISS = Verdict(Layer.MISS, Reason.EMPTY, keys=KEYS)
ON = Cache(enabled=True)


@pytest.mark.parametrize(
    "reason", [Reason.EMPTY, Reason.BELOW_THRESHOLD, Reason.EXACT_ONLY, Reason.EMBEDDER_UNAVAILABLE, Reason.DEADLINE]
)
def test_a_miss_whose_answer_would_be_an_exact_hit_may(reason: Reason) -> None:
    assert may_be_merged(Verdict(Layer.MISS, reason, keys=KEYS), chat(), ON)


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Layer.BYPASS, Reason.NO_IDENTITY),
        Verdict(Layer.OFF, Reason.DISABLED),
        Verdict(Layer.EXACT, Reason.SAME_REQUEST, keys=KEYS),
        Verdict(Layer.MISS, Reason.STORE_UNAVAILABLE, keys=KEYS),
        Verdict(Layer.MISS, Reason.RECHECK, keys=KEYS, withheld=Withheld(Layer.EXACT, 1.0, b"")),
    ],
)
def test_what_is_not_cached_found_already_or_answered_afresh_on_purpose_may_not(verdict: Verdict) -> None:
    assert not may_be_merged(verdict, chat(), ON)


@pytest.mark.parametrize("controls", [{"no_cache": True}, {"no_store": True}])
def test_who_wants_an_answer_of_its_own_may_not(controls: dict[str, Any]) -> None:
    assert not may_be_merged(MISS, chat(controls=CacheControls(**controls)), ON)


@pytest.mark.parametrize("off", [{"exact": {"enabled": False}}, {"shadow": True}])
def test_where_exact_answers_are_not_served_none_may(off: dict[str, Any]) -> None:
    assert not may_be_merged(MISS, chat(), Cache.model_validate({"enabled": True, **off}))
