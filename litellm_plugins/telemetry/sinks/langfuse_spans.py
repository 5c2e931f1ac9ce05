"""The pack's decisions on one request as spans of its trace, and the ids that Langfuse knows it by. Pure.

plugins.request                 the client's request, from its arrival to the end of its answer
├─ plugins.lookup               in its metadata exact_ms, embed_ms, search_ms, verify_ms: the steps of the look-up
├─ plugins.coalesce             waiting for somebody who asks the very same
├─ plugins.route                scoring it, and choosing its model
├─ plugins.history              leaving out old turns, or summing them up
├─ plugins.compress             making its prompt shorter
├─ plugins.reserve              holding on every budget what it may cost
├─ (the host's generations)     one for each call of a deployment that ended, failed ones too; one for a hit
├─ plugins.charge               a cost that the host's generations do not say, as it was booked
└─ plugins.settle               booking what it did cost
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from litellm_plugins.telemetry.sinks.langfuse import Told, budget_notes, notes_for

if TYPE_CHECKING:
    from litellm_plugins.model import Step
    from litellm_plugins.telemetry.events import BudgetDecided, CacheDecided

ROOT = "plugins.request"
CHARGE = "plugins.charge"
_OF_LOOK_UP = ("cache", "cache_reason", "cache_would", "cache_similarity", "cache_probability")
_TRACE_ID = re.compile(r"(?=.*[1-9a-f])[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?=.*[1-9a-f])[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Decided:
    """One span: a stage of ours."""

    name: str
    began_s: float  # UNIX seconds
    ended_s: float
    metadata: Told = field(default_factory=dict)


def decided_spans(
    steps: Sequence[Step], cache: CacheDecided, budget: BudgetDecided | None = None
) -> tuple[Decided, ...]:
    """A span for each stage, with what its steps took in milliseconds: a span of its own costs a tenth of one."""
    stages = [step for step in steps if not step.within]
    spans: list[Decided] = []
    last_lookup = max((place for place, stage in enumerate(stages) if stage.name == "lookup"), default=None)
    for place, stage in enumerate(stages):
        told: Told = {}
        if place == last_lookup:  # an earlier one was looked at again under a laxer promise
            notes = notes_for(cache, prompts=False).metadata  # all of which the trace tells
            told = {name: notes[name] for name in _OF_LOOK_UP if name in notes}
        elif stage.name == "reserve" and budget is not None:
            told = budget_notes(budget).metadata
        parts = {f"{step.name}_ms": round(step.took_s * 1_000, 2) for step in steps if _is_part(step, stage)}
        spans.append(Decided(f"plugins.{stage.name}", stage.began_s, stage.began_s + stage.took_s, {**told, **parts}))
    return tuple(spans)


def _is_part(step: Step, stage: Step) -> bool:
    return step.within == stage.name and stage.began_s <= step.began_s <= stage.began_s + stage.took_s


def trace_id_of(given: str) -> str:
    """The 32 hex digits that Langfuse files `given` under, as its callbacks make them of an id that is none yet."""
    plain = given.lower().replace("-", "")
    return plain if _TRACE_ID.fullmatch(plain) else sha256(given.encode("utf-8", "surrogatepass")).digest()[:16].hex()


def span_id_of(given: str) -> str:
    """The same for a span: 16 hex digits."""
    plain = given.lower().replace("-", "")
    return plain if _SPAN_ID.fullmatch(plain) else sha256(given.encode("utf-8", "surrogatepass")).digest()[:8].hex()
