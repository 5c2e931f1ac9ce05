"""Pairs of questions that people have judged: those that must not hit again, and answers that were vouched for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import orjson

MOST_KEPT = 100_000  # of either kind; the first to end go first
FOR_GOOD_S = 10 * 365 * 86_400.0  # how long a reviewer's word holds


class PairStore(Protocol):
    """What was judged, shared by every worker. `tenant` is that of the entries.

    Raises: StoreUnavailable, from each of its methods.
    """

    async def bar(self, tenant: str, pairs: Sequence[bytes], *, until_s: float) -> None:
        """These pairs must not hit until then (UNIX seconds), or as long as was said before, if that is longer."""

    async def unbar(self, tenant: str, pairs: Sequence[bytes], *, ending_by_s: float) -> None:
        """They may again: those that were barred no longer than until then (UNIX seconds)."""

    async def is_barred(self, tenant: str, pairs: Sequence[bytes]) -> bool:
        """Whether any of them must not hit now."""

    async def vouch(self, tenant: str, answer: bytes, by: int) -> int:
        """So many more (or fewer) people stand behind an answer; how many do now."""

    async def vouched(self, tenant: str, answer: bytes) -> int:
        """How many do."""


def pairs_of(partition: bytes, asked: str, matched: str, answer_id: bytes) -> list[bytes]:
    """What may not hit once `matched` gave a wrong answer to `asked`: both ways round, and the same answer."""
    both = [_pair(partition, "question", asked, matched), _pair(partition, "question", matched, asked)]
    return both + ([same_answer(partition, asked, answer_id)] if answer_id else [])


def same_answer(partition: bytes, asked: str, answer_id: bytes) -> bytes:
    """What may not hit once that answer was found wrong for `asked`, whatever it was first given to."""
    return _pair(partition, "answer", asked, answer_id.hex())


def keys_of_hit(partition: bytes, asked: str, matched: str, answer_id: bytes) -> list[bytes]:
    """By what a hit is looked up among them."""
    return [_pair(partition, "question", asked, matched), same_answer(partition, asked, answer_id)]


def answer_of(partition: bytes, answer_id: bytes) -> bytes:
    """By what an answer is vouched for."""
    return _digest("vouched", partition.hex(), answer_id.hex())


def _pair(partition: bytes, kind: str, asked: str, other: str) -> bytes:
    return _digest(kind, partition.hex(), _plain(asked), _plain(other))


def _plain(question: str) -> str:
    return " ".join(question.casefold().split()).strip(" ¿¡?!.")


def _digest(*parts: str) -> bytes:
    told = [part.encode("utf-8", "surrogatepass").hex() for part in parts]
    return hashlib.sha256(b"litellm_plugins/pair" + orjson.dumps(told)).digest()[:16]
