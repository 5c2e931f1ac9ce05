"""Where items are kept: the protocol that every backend keeps, and how an item is spelled."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import orjson

from litellm_plugins.review.items import Item, Kind, Second, Source, State, Verdict, Why

TEXTS = ("question", "matched_question", "answer")
_EMPTY = dict.fromkeys(("tenant", "team", "trace_id", "call_id", "pair", "layer"), "")  # where nothing is spelled
_APART = frozenset({*TEXTS, "state", "served"})


class ItemStore(Protocol):
    """Keeps items, bounded: what is only kept to be spoken of goes first, then what waits; the oldest first.

    Judged ones have half of the room to themselves. `team` is that of the items by its name, and `tenant` whose they
    are (two teams may have one name); None: everybody's. Lists come without texts.

    Raises: StoreUnavailable, from each of its methods.
    """

    async def add(self, items: Sequence[Item]) -> None:
        """Keep these; one that is there already stays as it is."""

    async def find(self, id_: str) -> Item | None:
        """The item of this id, with its texts."""

    async def named(self, name: str, *, tenant: str | None) -> Item | None:
        """The newest item of this trace or call, with its texts; of a tenant's alone (None: whoever's).

        Clients choose such names: two tenants may have the same.
        """

    async def waiting(self, limit: int, *, team: str | None, tenant: str | None) -> list[Item]:
        """Items to be judged that are not of the control sample, newest first, each with how often it was served."""

    async def sample(self, *, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        """The control sample, judged or not, by its draw."""

    async def judged(self, *, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        """What was judged since, or has an opinion of a judge or a thumb; newest first."""

    async def swap(self, item: Item, state: State) -> bool:
        """Put `state` in the place of the item's, unless that has changed since; whether it did."""

    async def forget_texts(self, *, before_s: float) -> int:
        """Leave out the texts of items that are older, and keep the rest of them; how many had some still."""


def facts_of(item: Item) -> bytes:
    """All but texts and state."""
    told = {name.name: getattr(item, name.name) for name in dataclasses.fields(item) if name.name not in _APART}
    return orjson.dumps({name: value for name, value in told.items() if value not in ("", None)})


def texts_of(item: Item) -> bytes:
    """The texts; empty where there are none."""
    told = {name: getattr(item, name) for name in TEXTS}
    return orjson.dumps(told, default=str) if any(told.values()) else b""


def state_of(state: State) -> bytes:
    """The same bytes for the same state: also for one that a newer version spelled, which adds its words at the end."""
    told = {name.name: getattr(state, name.name) for name in dataclasses.fields(state) if name.name != "more"}
    return orjson.dumps({name: value for name, value in told.items() if value} | dict(state.more))


def item_of(facts: bytes, state: bytes, texts: bytes = b"", served: int = 1) -> Item:
    """The item that is spelled so; words that a newer version added are left out."""
    told = dict(_EMPTY) | _known(orjson.loads(facts), Item)
    told |= {"kind": Kind(told["kind"]), "state": state_from(state), "served": served}
    return Item(**told, **(_known(orjson.loads(texts), Item) if texts else {}))


def items_of(rows: Iterable[tuple[bytes, bytes]]) -> list[Item]:
    """Facts and states as items. One that only a newer version can read does not keep the others back."""
    found: list[Item] = []
    for facts, state in rows:
        with contextlib.suppress(ValueError, TypeError, LookupError):
            found.append(item_of(facts, state))
    return found


def state_from(told: bytes) -> State:
    """As `state_of` spelled it."""
    words = orjson.loads(told)
    given = _known(words, State)
    more = {name: value for name, value in words.items() if name not in given}
    read: dict[str, Any] = {"why": Why, "verdict": Verdict, "opinion": Verdict, "source": Source, "second": Second}
    read |= {"effects": tuple, "thumb_effects": tuple}
    return State(**{name: read[name](value) if name in read else value for name, value in given.items()}, more=more)


def _known(told: dict[str, Any], kind: type) -> dict[str, Any]:
    names = {each.name for each in dataclasses.fields(kind)}
    return {name: value for name, value in told.items() if name in names}
