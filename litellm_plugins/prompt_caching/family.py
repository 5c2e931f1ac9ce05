"""What is remembered of one family of prompts: counts, gaps and hashes, no text."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from litellm_plugins.prompt_caching.blocks import Section
from litellm_plugins.prompt_caching.sketch import Sketch

GAPS = 12  # few: what holds at noon need not at night
_MOST_TURNS = 64
_PRIOR = 2  # requests' worth of the family's own rate, where few came so far into a conversation
_RATIO_BOUNDS, _RATIO_WEIGHT = (0.5, 2.0), 0.2
_MOST_CHANGES = 32
_SIGHTS = 10  # of a prefix, that are remembered

Change = tuple[Section, int, str]  # the section, its line from 1, what changes there


@dataclass(slots=True)
class Family:
    """Requests of one tenant and model whose prompts begin alike."""

    id: str
    tenant: str
    model: str
    since_s: float
    sketch: Sketch = field(default_factory=Sketch)
    requests: int = 0
    last_s: float = 0.0  # over all workers, as far as they have told
    minimum: int = 0  # of its model, as last told
    gaps_s: deque[float] = field(default_factory=lambda: deque(maxlen=GAPS))  # between any two of its requests
    head_gaps_s: deque[float] = field(default_factory=lambda: deque(maxlen=GAPS))  # of the very same head
    turns: Counter[int] = field(default_factory=Counter)  # requests by how many turns of the user they have
    turn_gaps_s: deque[float] = field(default_factory=lambda: deque(maxlen=GAPS))  # of a conversation's beginning
    continued: int = 0  # requests that went on with a conversation that was seen before
    head_tokens: int = 0  # as estimated, of tools and system
    prefix_tokens: int = 0  # as estimated, of the longest prefix that was seen before; of the head where none was
    lines: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)  # of the head's blocks, last time
    changes: Counter[Change] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    reason: str = ""  # the last
    ttl: str = ""  # of the last mark
    longest_ttl_s: float = 0.0  # of those that it may have
    marked: int = 0  # requests that the pack put marks on
    by_client: int = 0  # requests that came with marks
    features_named: Counter[str] = field(default_factory=Counter)  # by the clients' own word
    team: str = ""
    told: int = 0  # requests whose usage came back
    read_requests: int = 0
    prompt_tokens: int = 0
    read_tokens: int = 0
    written_5m_tokens: int = 0
    written_1h_tokens: int = 0
    saved_nano_usd: int = 0
    active: bool = False  # the last one was read from the cache
    shared: dict[str, int] = field(default_factory=dict)  # the counts that other workers were told
    ratio: float = 1.0  # the provider's tokens to the estimated ones

    @property
    def gap_s(self) -> float | None:
        """The usual time between two of its requests with a prefix that could have been read."""
        gaps = self.head_gaps_s or self.turn_gaps_s or self.gaps_s
        return median(gaps) if gaps else None

    def goes_on(self, turns: int) -> float:
        """How likely a conversation of so many turns is to go on, by how many did."""
        at = min(turns, _MOST_TURNS)
        usual = (self.continued + 1) / (self.requests + 1)
        return min(1.0, (self.turns[at + 1] + _PRIOR * usual) / (self.turns[at] + _PRIOR))

    def taken(self, turns: int) -> None:
        """A request of so many turns came."""
        self.turns[min(turns, _MOST_TURNS)] += 1

    def changed(self, change: Change) -> None:
        """That line was another than the time before."""
        if change in self.changes or len(self.changes) < _MOST_CHANGES:
            self.changes[change] += 1

    def heard(self, estimated: int, prompt: int) -> None:
        """The provider has counted `prompt` tokens where we had estimated so many."""
        if estimated and prompt:
            least, most = _RATIO_BOUNDS
            found = min(most, max(least, prompt / estimated))
            self.ratio = found if self.told == 1 else self.ratio + _RATIO_WEIGHT * (found - self.ratio)

    def in_its_tokens(self, estimated: int) -> int:
        """As the provider would count them."""
        return round(estimated * self.ratio)


@dataclass(frozen=True, slots=True)
class Seen:
    """One prefix, known by its hash."""

    at_s: tuple[float, ...]  # its last sights, in their order
    live_until_s: float = 0.0  # it lies in the provider's cache, as far as we know
    ttl_s: float = 0.0
    ended: bool = False  # a request was all of it: where it comes again, a conversation goes on

    @property
    def last_s(self) -> float:
        """When it was seen last."""
        return self.at_s[-1]

    @property
    def gaps_s(self) -> tuple[float, ...]:
        """Between its last sights."""
        return tuple(after - before for before, after in pairwise(self.at_s))

    def merged(self, other: Seen) -> Seen:
        """With what another worker saw of it: however often that is told, it counts once."""
        later = self if self.live_until_s >= other.live_until_s else other
        at_s = tuple(sorted({*self.at_s, *other.at_s}))[-_SIGHTS:]
        return Seen(at_s, later.live_until_s, later.ttl_s, self.ended or other.ended)


@dataclass(frozen=True, slots=True)
class Sight:
    """One request beside what was seen before: for each of its blocks what is known of its prefix, and is it live."""

    family: Family
    known: Sequence[Seen | None]
    live: Sequence[bool]
    head: int | None  # the last block of tools and system
    goes_on: float = 1.0  # how likely its conversation is to
