"""What a method of compression is, and several of them one after the other over the prose of one text.

A method gets the passages of prose that may be touched, in their order, and gives back as many. It sees the text's own
turn and nothing else, so an old turn becomes the same bytes in every later request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litellm_plugins.compression.segments import Kind, segments
from litellm_plugins.compression.tokens import CountTokens

Shorten = Callable[[Sequence[str], "Context"], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Context:
    """What a method knows beside the passages."""

    question: str  # that is asked in the same turn; empty: none was found
    rate: float  # 0 to 1: the share of the passages' tokens that may stay, for methods that can choose
    tokens: CountTokens  # as the model counts
    left_s: Callable[[], float]  # seconds until nobody waits any more; below 0 then


class LeftAlone(Exception):
    """Raised by a method that leaves the passages as they are. `reason` is told where nothing else shortened them."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Method:
    """One of a chain. What it makes may depend on passages, question, rate and its own settings, on nothing else."""

    name: str
    shorten: Shorten
    """As many passages as it is given, each shorter or as it was. Blocks; runs in a thread.

    Raises:
        LeftAlone: it does nothing here.
    """
    settings: str = ""
    """Whatever of its settings changes what it makes of a text: what is remembered is remembered under it."""
    lost: Callable[[Sequence[str], Sequence[str], Context], str | None] | None = None
    """What must not be gone between the passages before and after, and is: a word for `lost_…`.

    For a method that leaves out whole sentences with all that is in them. None: the strict checker compares the text.
    """


@dataclass(frozen=True, slots=True)
class Chain:
    """What is done to a text. Writing without loss comes last, wherever it is named: nothing may cut its tables."""

    methods: tuple[Method, ...] = ()
    lossless: bool = True
    rate: float = 0.5

    @property
    def key(self) -> tuple[object, ...]:
        """What its result depends on, beside the text and its question."""
        told = tuple((each.name, each.settings) for each in self.methods)
        return (*told, self.rate if told else None, self.lossless)


def on_prose(shorten: Shorten) -> Shorten:
    """A method for plain prose only, made into one for passages: code, numbers, URLs, quotations… it never sees.

    Args:
        shorten: Gets all prose of the passages in pieces, in their order, and gives back as many. The white space at
            a piece's ends is put back.
    """

    def shortened(passages: Sequence[str], context: Context) -> list[str]:
        cut = [segments(passage) for passage in passages]
        pieces = [each.text for parts in cut for each in parts if each.kind is Kind.PROSE and each.text.strip()]
        made = iter([_padded(new, old) for new, old in zip(shorten(pieces, context), pieces, strict=True)])
        return [
            "".join(next(made) if each.kind is Kind.PROSE and each.text.strip() else each.text for each in parts)
            for parts in cut
        ]

    return shortened


def _padded(new: str, old: str) -> str:
    core = old.strip()
    start = old.index(core)
    return f"{old[:start]}{new.strip()}{old[start + len(core) :]}"
