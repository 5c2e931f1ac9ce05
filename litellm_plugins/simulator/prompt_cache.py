"""Anthropic's prompt cache, by its documented rules (platform.claude.com/docs/en/build-with-claude/prompt-caching).

An entry is written only where a mark stands, over the exact bytes of tools, system and messages up to it, and is read
where a later prompt has a mark at most 20 blocks on, that one included. It lives 5 minutes or an hour, anew with each
use, and is there once the answer of who wrote it begins. A prefix that is too short for the model is not cached, and
nobody is told. What is written is billed from the longest prefix that was read: up to the last mark of an hour as
such, from there to the last mark as of 5 minutes.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Ttl = Literal["5m", "1h"]
TTL_S: dict[Ttl, float] = {"5m": 300.0, "1h": 3_600.0}
MAX_MARKS = 4
LOOK_BACK = 20

_DEFAULT_MINIMUM = 1_024
# The first that fits. Names of versions stand before and after the family: claude-3-5-haiku, claude-haiku-4-5.
_MINIMA = tuple(
    (re.compile(pattern), tokens)
    for pattern, tokens in (
        (r"(haiku|sonnet|opus)-5-5|opus-5|fable-5|mythos", 512),
        (r"opus-4-7|3-5-haiku|haiku-3|3-haiku", 2_048),
        (r"opus-4-[56]|haiku-4-5", 4_096),
    )
)


def minimum_tokens(model: str) -> int:
    """The shortest prefix that a model caches."""
    return next((tokens for pattern, tokens in _MINIMA if pattern.search(model)), _DEFAULT_MINIMUM)


@dataclass(frozen=True, slots=True)
class Block:
    """One cacheable position: `chain` is the hash of everything up to it, `tokens` the count of that."""

    chain: bytes
    tokens: int
    mark: Ttl | None = None


@dataclass(frozen=True, slots=True)
class CacheUse:
    """Tokens of one prompt."""

    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def written(self) -> int:
        return self.written_5m + self.written_1h


@dataclass(slots=True)
class _Entry:
    ttl_s: float
    from_s: float
    until_s: float


class PromptCache:
    """Everybody's, kept apart by `scope`: an organisation's key and the model. Long prompts come from other threads."""

    def __init__(self, clock: Callable[[], float], *, max_entries: int = 100_000) -> None:
        self._clock, self._max_entries = clock, max_entries
        self._entries: OrderedDict[tuple[str, bytes], _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def use(self, scope: str, blocks: Sequence[Block], *, minimum: int, begins_in_s: float = 0.0) -> CacheUse:
        """Read and write as the marks of a prompt say; its answer begins in so many seconds."""
        marks = [at for at, block in enumerate(blocks) if block.mark is not None and block.tokens >= minimum]
        if not marks:
            return CacheUse()
        with self._lock:
            now = self._clock()
            hit = self._longest(scope, blocks, marks, now)
            for at in marks:
                self._write(scope, blocks[at], now, now + begins_in_s)
        return _billed(blocks, marks, hit)

    def _longest(self, scope: str, blocks: Sequence[Block], marks: Sequence[int], now: float) -> int | None:
        for mark in reversed(marks):
            for at in range(mark, max(-1, mark - LOOK_BACK), -1):
                entry = self._entries.get((scope, blocks[at].chain))
                if entry is not None and entry.from_s <= now < entry.until_s:
                    entry.until_s = now + entry.ttl_s
                    return at
        return None

    def _write(self, scope: str, block: Block, now: float, from_s: float) -> None:
        assert block.mark is not None  # noqa: S101 - only marks are written
        key, ttl_s = (scope, block.chain), TTL_S[block.mark]
        known = self._entries.get(key)
        if known is not None and now < known.until_s:  # used: it lives on
            known.until_s = now + known.ttl_s
        else:
            self._entries[key] = _Entry(ttl_s, from_s, from_s + ttl_s)
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)


def _billed(blocks: Sequence[Block], marks: Sequence[int], hit: int | None) -> CacheUse:
    read = 0 if hit is None else blocks[hit].tokens
    hours = [blocks[at].tokens for at in marks if blocks[at].mark == "1h"]
    of_an_hour = max(read, max(hours, default=0))
    last = max(of_an_hour, blocks[marks[-1]].tokens)
    return CacheUse(read, written_5m=last - of_an_hour, written_1h=of_an_hour - read)
