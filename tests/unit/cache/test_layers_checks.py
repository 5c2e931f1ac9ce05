"""Hits that are answered afresh: all in the shadow, a share of them to see whether they still hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from litellm_plugins.cache.answers import text_of
from litellm_plugins.cache.backends import sqlite_labels
from litellm_plugins.cache.checks import Check
from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.cache.verifier.features import FEATURE_VERSION, NAMES
from litellm_plugins.cache.verifier.logistic import Model, fit
from litellm_plugins.cache.verifier.verifier import Verifier
from litellm_plugins.model import CacheControls, Identity, Layer, Outcome, Reason, Request
from litellm_plugins.settings import Cache
from litellm_plugins.storage.sqlite import SqliteFile
from tests.unit.cache.builders import answer, chat, reply, tool_call
from tests.unit.cache.fakes import Clock, FakeEmbedder, FakeStore
from tests.unit.cache.world import told

OPEN: dict[str, Any] = {"enabled": True, "semantic": {"threshold": 0.9}}


class Wording:
    """Two answers are the same if their texts are; none where one of them says "…"."""

    async def same(self, fresh: Mapping[str, Any], cached: bytes, question: str | None = None) -> bool | None:
        one, other = text_of(fresh), text_of(orjson.loads(cached))
        return None if "…" in (one, other) else one == other


class Kept:
    """Keeps `CheckStore` in a list."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    async def add(self, check: Check) -> None:
        self.checks.append(check)

    async def newest(
        self, limit: int, *, since: float = 0.0, team: str | None = None, model_group: str | None = None
    ) -> list[Check]:
        return self.checks[::-1][:limit]


@dataclass
class Checked:
    """ "lost" and "gone" are 0.97 alike. `drawn` is what chance says next."""

    verifier: Verifier | None = None
    store: FakeStore = field(default_factory=FakeStore)
    embedder: FakeEmbedder = field(default_factory=lambda: FakeEmbedder(lost=0.0, gone=14.0, other=60.0))
    kept: Kept = field(default_factory=Kept)
    heard: list[Check] = field(default_factory=list)
    drawn: float = 0.0

    def __post_init__(self) -> None:
        self.layers = CacheLayers(
            store=self.store,
            embedder=self.embedder,
            verifier=self.verifier,
            comparer=Wording(),
            checks=self.kept,
            told=self.heard.append,
            clock=Clock(),
            draw=lambda: self.drawn,
        )

    async def ask(self, request: Request, said: str, **policy: Any) -> Verdict:
        """Ask; what is not served is answered with `said`."""
        settings = Cache.model_validate(OPEN | policy)
        verdict = await self.layers.look_up(request, settings)
        if not verdict.is_hit:
            await self.layers.remember(verdict, request, reply(answer(said)), settings)
        return verdict

    @property
    def outcomes(self) -> list[tuple[Layer, Reason, Outcome, float]]:
        return [(check.layer, check.reason, check.outcome, check.weight) for check in self.kept.checks]


@pytest.fixture
def cache() -> Checked:
    return Checked()


@pytest.mark.parametrize(("asked", "layer"), [("lost", Layer.EXACT), ("gone", Layer.SEMANTIC)])
async def test_in_the_shadow_nothing_is_served_and_everything_is_checked(
    cache: Checked, asked: str, layer: Layer
) -> None:
    await cache.ask(chat("lost"), "Block it.")
    verdict = await cache.ask(chat(asked), "Block it.", shadow=True)
    assert told(verdict) == (Layer.MISS, Reason.SHADOW)
    assert verdict.withheld is not None
    assert verdict.withheld.layer == layer
    assert cache.outcomes == [(layer, Reason.SHADOW, Outcome.RIGHT, 1.0)]
    assert cache.heard == cache.kept.checks
    (check,) = cache.heard
    assert (check.team, check.model_group) == ("support", "small")
    assert check.similarity == pytest.approx(1.0 if layer is Layer.EXACT else 0.97, abs=0.001)


async def test_a_miss_is_the_same_miss_in_the_shadow(cache: Checked) -> None:
    assert told(await cache.ask(chat("lost"), "Block it.", shadow=True)) == (Layer.MISS, Reason.EMPTY)
    assert told(await cache.ask(chat("other"), "What?", shadow=True)) == (Layer.MISS, Reason.BELOW_THRESHOLD)
    assert cache.outcomes == []


async def test_the_cache_holds_in_the_shadow_what_it_would_hold_in_the_open(cache: Checked) -> None:
    """Were the fresh answers kept, nothing would ever grow as old there as it will once it is served."""
    await cache.ask(chat("lost"), "Block it.")
    for asked in ("lost", "gone", "gone"):
        await cache.ask(chat(asked), "Call us.", shadow=True)
    assert text_of(orjson.loads(cache.store.only.body)) == "Block it."
    assert [layer for layer, _, _, _ in cache.outcomes] == [Layer.EXACT, Layer.SEMANTIC, Layer.SEMANTIC]


async def test_what_was_rechecked_can_still_be_matched(cache: Checked) -> None:
    """The fresh answer takes the entry's place, vector and all."""
    await cache.ask(chat("lost"), "Block it.")
    await cache.ask(chat("lost"), "Call us.", recheck_share=1)
    hit = await cache.ask(chat("gone"), "never asked")
    assert told(hit) == (Layer.SEMANTIC, Reason.ABOVE_THRESHOLD)
    assert hit.entry is not None
    assert text_of(orjson.loads(hit.entry.body)) == "Call us."


async def test_what_cannot_be_compared_is_unknown(cache: Checked) -> None:
    """Answers that say nothing comparable, and answers that are not kept."""
    await cache.ask(chat("lost"), "…")
    await cache.ask(chat("gone"), "Block it.", shadow=True)
    settings = Cache.model_validate(OPEN | {"shadow": True})
    for request in (chat("lost"), chat("lost", controls=CacheControls(no_store=True))):
        verdict = await cache.layers.look_up(request, settings)
        half = reply({"choices": [{"message": {"content": "Half"}, "finish_reason": "length"}]})
        await cache.layers.remember(verdict, request, half, settings)
    assert [outcome for _, _, outcome, _ in cache.outcomes] == [Outcome.UNKNOWN] * 3


async def test_an_answer_handed_over_twice_is_checked_once(cache: Checked) -> None:
    """As the host does at the end of a stream."""
    await cache.ask(chat("lost"), "Block it.")
    settings = Cache.model_validate(OPEN | {"shadow": True})
    verdict = await cache.layers.look_up(chat("lost"), settings)
    for again in (False, True):
        await cache.layers.remember(verdict, chat("lost"), reply(answer("Block it.")), settings, again=again)
    assert len(cache.kept.checks) == 1


async def test_a_share_of_the_exact_hits_is_asked_again_and_the_fresh_answer_takes_the_place(cache: Checked) -> None:
    await cache.ask(chat("lost"), "Block it.")
    cache.drawn = 0.25
    assert (await cache.ask(chat("lost"), "never asked", recheck_share=0.25)).is_hit
    cache.drawn = 0.24
    verdict = await cache.ask(chat("lost"), "Call us.", recheck_share=0.25)
    assert told(verdict) == (Layer.MISS, Reason.RECHECK)
    assert cache.outcomes == [(Layer.EXACT, Reason.RECHECK, Outcome.WRONG, 4.0)]
    assert text_of(orjson.loads(cache.store.only.body)) == "Call us."


async def test_a_stale_candidate_goes_and_one_that_still_holds_stays(cache: Checked) -> None:
    await cache.ask(chat("lost"), "Block it.")
    await cache.ask(chat("gone"), "Block it.", recheck_share=1)
    assert len(cache.store.entries) == 2
    await cache.ask(chat("other"), "What?")
    cache.embedder.angles["missing"] = 61.0
    await cache.ask(chat("missing"), "Who?", recheck_share=1)
    assert cache.outcomes[-1] == (Layer.SEMANTIC, Reason.RECHECK, Outcome.WRONG, 1.0)
    assert sorted(entry.question or "" for entry, _, _ in cache.store.entries.values()) == ["gone", "lost", "missing"]


async def test_nothing_is_removed_in_the_shadow(cache: Checked) -> None:
    """Not by the staleness monitor either: the gate is to see what would be served."""
    await cache.ask(chat("lost"), "Block it.")
    await cache.ask(chat("gone"), "Call us.", shadow=True, recheck_share=1)
    assert cache.outcomes == [(Layer.SEMANTIC, Reason.SHADOW, Outcome.WRONG, 1.0)]
    assert cache.store.only.question == "lost"


async def test_a_hit_is_served_rather_than_rechecked_while_its_question_cannot_be_embedded(cache: Checked) -> None:
    """Its entry would lose its vector, and with it every paraphrase."""
    await cache.ask(chat("lost"), "Block it.")
    cache.embedder.broken = True
    assert (await cache.ask(chat("lost"), "never asked", recheck_share=1)).is_hit


async def test_what_says_nothing_in_words_is_not_asked_again(cache: Checked) -> None:
    """Calls of tools, and embeddings: they could not be compared."""
    settings = Cache.model_validate(OPEN | {"recheck_share": 1})
    verdict = await cache.layers.look_up(chat("lost"), settings)
    await cache.layers.remember(verdict, chat("lost"), reply(answer(None, tool_calls=[tool_call()])), settings)
    assert (await cache.ask(chat("lost"), "never asked", recheck_share=1)).is_hit


async def test_keys_that_are_not_rolled_out_pass_the_cache_by(cache: Checked) -> None:
    """Neither served nor stored: they are what the others are compared with."""
    await cache.ask(chat("lost"), "Block it.")
    verdict = await cache.ask(chat("lost", identity=Identity(team_id="support")), "Call us.", rollout="99%")
    assert told(verdict) == (Layer.BYPASS, Reason.NOT_ROLLED_OUT)
    assert text_of(orjson.loads(cache.store.only.body)) == "Block it."


@pytest.fixture
async def judged(tmp_path: Path) -> Any:
    """With a verifier that is sure of what is all but the same, and whose own draw checks none of it."""
    plain = fit(np.eye(len(NAMES)), np.ones(len(NAMES)))
    prior = Model(plain.mean, plain.scale, np.append(np.zeros(len(plain.weights) - 1), 6.0))
    file = SqliteFile(tmp_path / "labels.db", schema=sqlite_labels.SCHEMA)
    labels = sqlite_labels.SqliteLabelStore(file)
    yield labels, Verifier(labels, space="fake:1", prior=prior, draw=lambda: 0.999)
    await file.aclose()


ASKED, AGAIN = "How do I cancel my order please?", "How do I cancel my order now please?"
PROMISED = {"semantic": {"max_error_rate": 0.05}}


async def _with_two_answers(verifier: Verifier) -> Checked:
    """A lone pair would have to be convincing by itself."""
    cache = Checked(verifier=verifier)
    cache.embedder.angles |= {ASKED: 0.0, AGAIN: 1.0}
    await cache.ask(chat("other"), "What?", **PROMISED)
    await cache.ask(chat(ASKED), "In the app.", **PROMISED)
    return cache


async def test_the_verifier_learns_from_every_hit_in_the_shadow_with_weight_one(judged: Any) -> None:
    """By itself it would have drawn a half of them, and counted each for two."""
    labels, verifier = judged
    cache = await _with_two_answers(verifier)
    assert (await cache.ask(chat(AGAIN), "never asked", **PROMISED)).reason is Reason.VERIFIED
    verdict = await cache.ask(chat(AGAIN), "In the app.", **PROMISED, shadow=True)
    assert told(verdict) == (Layer.MISS, Reason.SHADOW)
    *_, label = await labels.newest_labels(f"fake:1/{FEATURE_VERSION}", 9)
    assert (label.right, label.weight) == (True, 1.0)
    assert cache.outcomes == [(Layer.SEMANTIC, Reason.SHADOW, Outcome.RIGHT, 1.0)]
    assert cache.kept.checks[0].probability == verdict.probability
    assert verdict.probability is not None


async def test_what_the_verifier_checks_is_recorded_and_a_larger_share_than_its_own_holds(judged: Any) -> None:
    _, verifier = judged
    cache = await _with_two_answers(verifier)
    verdict = await cache.ask(chat(AGAIN), "By phone.", **PROMISED, recheck_share=1)
    assert told(verdict) == (Layer.MISS, Reason.SHADOW_CHECK)
    assert cache.outcomes == [(Layer.SEMANTIC, Reason.SHADOW_CHECK, Outcome.WRONG, 1.0)]
    assert {entry.question for entry, _, _ in cache.store.entries.values()} == {"other", AGAIN}


async def test_the_verifier_s_own_checks_remove_nothing_while_the_monitor_is_off(judged: Any) -> None:
    """They choose the doubtful: what was wrong there was misjudged rather than stale."""
    _, verifier = judged
    cache = await _with_two_answers(verifier)
    verifier._draw = lambda: 0.0
    verdict = await cache.ask(chat(AGAIN), "By phone.", **PROMISED)
    assert told(verdict) == (Layer.MISS, Reason.SHADOW_CHECK)
    assert cache.outcomes == [(Layer.SEMANTIC, Reason.SHADOW_CHECK, Outcome.WRONG, 2.0)]
    assert len(cache.store.entries) == 3
