"""Which old turns of a conversation go when it has grown beyond a budget. Pure, and by the conversation alone.

A turn is what a user says and all that follows until a user speaks again: tool calls go or stay with their results,
and what is left begins with a user's words. The cut moves in steps: it stays where it is while what is left fits the
budget, and then leaps to the target. It is found by going through the conversation from its beginning, as it once
grew, so that a later request finds every earlier cut at the same place, and the provider's prefix stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Item = Mapping[str, Any]  # a message of chat or messages, or an item of the Responses API's `input`
_INSTRUCTS = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Budget:
    """How long the turns of a conversation may be together, in tokens."""

    max_tokens: int
    target: float  # of them: what is left after a cut
    keep_turns: int  # the last ones, which never go
    note_tokens: int = 0  # of what stands in place of the turns that went


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes. `steps` are the places that the cut has had, as numbers of turns from the beginning."""

    turns: int
    pinned: int = 0  # the first ones, which lie before a mark for the provider's prompt cache
    steps: tuple[int, ...] = ()
    gone: tuple[tuple[int, ...], ...] = ()  # places of the items, for each turn that goes
    tokens_before: int = 0  # of all turns; instructions are not counted
    tokens_after: int = 0  # of those that stay, without a note
    is_over: bool = False  # more than the budget, before anything was cut

    @property
    def turns_gone(self) -> int:
        """How many go."""
        return len(self.gone)

    def items_gone(self, *, after: int = 0, until: int | None = None) -> tuple[int, ...]:
        """Places of what goes of the turns from number `after` to `until`, counted from the beginning."""
        first, last = max(0, after - self.pinned), None if until is None else until - self.pinned
        return tuple(at for turn in self.gone[first:last] for at in turn)


@dataclass(slots=True)
class _Turn:
    items: list[int] = field(default_factory=list)
    tokens: int = 0


def plan(items: Sequence[Item], sizes: Sequence[int], budget: Budget, *, cached: int = -1) -> Plan:
    """Which turns go.

    Args:
        items: The conversation.
        sizes: The tokens of each item.
        budget: What may stay.
        cached: The last item that lies before a mark for the provider's prompt cache: its turn stays, and those before.
    """
    turns = [_Turn(items=list(places)) for places in turns_of(items)]
    pinned = sum(turn.items[0] <= cached for turn in turns)
    cut, held, steps = pinned, 0, list[int]()
    for number, turn in enumerate(turns):
        for at in turn.items:
            turn.tokens += sizes[at]
            held += sizes[at]
            limit = budget.max_tokens - (budget.note_tokens if cut > pinned else 0)
            if held <= limit:
                continue
            free = max(cut, number + 1 - budget.keep_turns)
            before = cut
            while cut < free and held > budget.target * budget.max_tokens - budget.note_tokens:
                held -= turns[cut].tokens
                cut += 1
            if cut > before:
                steps.append(cut)
    total = sum(turn.tokens for turn in turns)
    return Plan(
        turns=len(turns),
        pinned=pinned,
        steps=tuple(steps),
        gone=tuple(tuple(turn.items) for turn in turns[pinned:cut]),
        tokens_before=total,
        tokens_after=held,
        is_over=total > budget.max_tokens,
    )


def turns_of(items: Sequence[Item]) -> list[tuple[int, ...]]:
    """The turns, each as the places of its items; instructions are in none.

    What comes before a user's first words belongs to the first. Turns that a call and its result stand in are one.
    """
    turns: list[list[int]] = []
    spoke = False  # a user, just now
    for at, item in enumerate(items):
        if item.get("role") in _INSTRUCTS:
            continue
        opens = _is_users(item) and not any(True for _ in results_in(item))
        if not turns or (opens and not spoke and any(_is_users(items[place]) for place in turns[-1])):
            turns.append([])
        turns[-1].append(at)
        spoke = opens
    return [tuple(turn) for turn in _joined(items, turns)]


def _joined(items: Sequence[Item], turns: list[list[int]]) -> Iterator[list[int]]:
    """No turn ends between a call and its result."""
    turn_of = {at: number for number, turn in enumerate(turns) for at in turn}
    called: dict[str, int] = {}
    reaches = list(range(len(turns)))
    for at, number in turn_of.items():
        called |= dict.fromkeys(calls_in(items[at]), number)  # some clients give each turn's calls the same ids
        for call in results_in(items[at]):
            first = called.get(call, number)
            reaches[first] = max(reaches[first], number)
    joined: list[int] = []
    last = 0
    for number, turn in enumerate(turns):
        joined += turn
        last = max(last, reaches[number])
        if last <= number:
            yield joined
            joined = []


def _is_users(item: Item) -> bool:
    return item.get("role") == "user"


def calls_in(item: Item) -> Iterator[str]:
    """Ids of the tool calls that are made in it."""
    for call in _mappings(item.get("tool_calls")):
        yield from _id(call, "id")
    for block in _mappings(item.get("content")):
        if str(block.get("type")).endswith("tool_use"):
            yield from _id(block, "id")
    kind = str(item.get("type"))
    if kind == "mcp_approval_request":
        yield from _id(item, "id")
    elif not kind.endswith("_output"):
        yield from _id(item, "call_id")


def results_in(item: Item) -> Iterator[str]:
    """Ids of the tool calls that it brings the results of."""
    yield from _id(item, "tool_call_id")
    for block in _mappings(item.get("content")):
        if str(block.get("type")).endswith("tool_result"):
            yield from _id(block, "tool_use_id")
    kind = str(item.get("type"))
    if kind == "mcp_approval_response":
        yield from _id(item, "approval_request_id")
    elif kind.endswith("_output"):
        yield from _id(item, "call_id")


def _id(node: Item, name: str) -> Iterator[str]:
    value = node.get(name)
    if isinstance(value, str):
        yield value


def _mappings(value: object) -> Iterator[Item]:
    if isinstance(value, list | tuple):
        yield from (each for each in value if isinstance(each, Mapping))


def without(items: Sequence[Any], gone: Plan, note: Sequence[Item] = ()) -> list[Any]:
    """The conversation without what goes, `note` in its place: before the first turn that follows."""
    places = set(gone.items_gone())
    after = max(places, default=-1)
    left = list[Any]()
    for at, item in enumerate(items):
        if at in places:
            continue
        if note and at > after and item.get("role") not in _INSTRUCTS:
            left.extend(note)
            note = ()
        left.append(item)
    return left
