"""What was used: sums of finished calls by the hour and by everything that one may ask for. Pure, all integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import Literal, NamedTuple, get_args

from litellm_plugins.model import Layer

Dimension = Literal[
    "endpoint",
    "feature",
    "team",
    "user",
    "end_user",
    "key",
    "model_group",
    "model",
    "deployment",
    "provider",
    "layer",
    "ending",
]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
HOUR_S = 3_600
_LAYER, _ENDING = DIMENSIONS.index("layer"), DIMENSIONS.index("ending")
OTHER = "~other"  # all the words of a dimension that an hour had no room for

HITS = frozenset({str(Layer.EXACT), str(Layer.SEMANTIC), str(Layer.COALESCED)})
# In the place of a layer, in rows of their own without requests: what these saved. Negative where writing into the
# provider's prompt cache cost more than reading from it saved, or a summary of old turns more than leaving those out.
COMPRESSION, HISTORY, PROMPT_CACHE = "compression", "history", "prompt_cache"
SAVING = (*sorted(HITS), COMPRESSION, HISTORY, PROMPT_CACHE)
LOOKED_UP = HITS | {str(Layer.MISS)}
FAILED = frozenset({"failure", "refused"})


class Sums(NamedTuple):
    """Of any number of calls."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    spent_nano_usd: int = 0
    own_nano_usd: int = 0  # embedding and judge calls
    saved_nano_usd: int = 0
    saved_tokens: int = 0
    took_ms: int = 0
    first_token_ms: int = 0
    first_tokens: int = 0  # the calls that `first_token_ms` is of
    attempts: int = 0  # calls of deployments

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(*map(add, self, other))


NONE = Sums()
Words = tuple[str, ...]  # one for each of the dimensions that were asked for, in their order


class Tally(NamedTuple):
    """The sums, and how many of the calls were hits, or failed."""

    sums: Sums = NONE
    hits: int = 0
    failed: int = 0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.sums.plus(other.sums), self.hits + other.hits, self.failed + other.failed)


def saved_beside(
    words: Words, sums: Sums, *, prompt_cache_nano_usd: int = 0, history: Sums = NONE
) -> list[tuple[Words, Sums]]:
    """Of one call: what it used, and what was saved otherwise than by a hit, each under its own words."""
    found = [(words, sums)]
    if words[_LAYER] not in HITS and (sums.saved_tokens or sums.saved_nano_usd):
        saved = Sums(saved_nano_usd=sums.saved_nano_usd, saved_tokens=sums.saved_tokens)
        found = [(words, sums._replace(saved_nano_usd=0, saved_tokens=0)), (_as_layer(words, COMPRESSION), saved)]
    if history != NONE:
        found.append((_as_layer(words, HISTORY), history))
    if prompt_cache_nano_usd:
        found.append((_as_layer(words, PROMPT_CACHE), Sums(saved_nano_usd=prompt_cache_nano_usd)))
    return found


def _as_layer(words: Words, layer: str) -> Words:
    return (*words[:_LAYER], layer, *words[_LAYER + 1 :])


def tally(words: Words, sums: Sums) -> Tally:
    """Of calls with these words, of all dimensions."""
    hit, failed = words[_LAYER] in HITS, words[_ENDING] in FAILED
    return Tally(sums, sums.requests if hit else 0, sums.requests if failed else 0)


class Row(NamedTuple):
    """Of one hour."""

    hour: int  # since 1970, in UTC
    words: Words
    sums: Sums


@dataclass(frozen=True, slots=True)
class Example:
    """One call to look at, where somebody asks what happened."""

    at_ms: int
    trace_id: str
    call_id: str
    feature: str
    team: str
    user: str
    key: str
    model_group: str
    model: str
    ending: str
    spent_nano_usd: int
    prompt_tokens: int


def hour_of(at_ms: int) -> int:
    """The hour that the time lies in."""
    return at_ms // (HOUR_S * 1_000)


def places(by: Sequence[Dimension]) -> tuple[int, ...]:
    """Where these stand among all."""
    return tuple(DIMENSIONS.index(each) for each in by)


def grouped(rows: Iterable[Row], at: Sequence[int]) -> dict[Words, Sums]:
    """The sums over hours, by the words that stand at these places."""
    found: dict[Words, Sums] = {}
    for row in rows:
        words = tuple(row.words[place] for place in at)
        before = found.get(words)
        found[words] = row.sums if before is None else before.plus(row.sums)
    return found


def tallied(sums: Mapping[Words, Sums], groups: Sequence[Sequence[Dimension]]) -> list[dict[Words, Tally]]:
    """For each of the groups, what the words that stand at its places have together; `sums` by those of all."""
    found: list[dict[Words, Tally]] = [{} for _ in groups]
    at = [places(group) for group in groups]
    for words, one in sums.items():
        told = tally(words, one)
        for into, there in zip(found, at, strict=True):
            group = tuple(words[place] for place in there)
            before = into.get(group)
            into[group] = told if before is None else before.plus(told)
    return found


def total(sums: Iterable[Sums]) -> Sums:
    """All together."""
    found = NONE
    for each in sums:
        found = found.plus(each)
    return found


def together(tallies: Iterable[Tally]) -> Tally:
    """The same of tallies."""
    found = Tally()
    for each in tallies:
        found = found.plus(each)
    return found


def top(tallies: Mapping[Words, Tally], most: int) -> list[tuple[Words, Tally]]:
    """The dearest, then the busiest, first."""
    dearest = sorted(tallies.items(), key=lambda pair: (-pair[1].sums.spent_nano_usd, -pair[1].sums.requests, pair[0]))
    return dearest[:most]
