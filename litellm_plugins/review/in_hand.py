"""How effects are told while somebody sees to them, and when others do not wait for that. Pure."""

from __future__ import annotations

from litellm_plugins.review.items import IN_HAND, PENDING, State

Effects = tuple[str, ...]


def verdict_in(state: State) -> tuple[object, ...]:
    """The same as long as nobody else has put a hand to its verdict."""
    return state.verdict, state.judged_at_s, state.effects


def thumb_in(state: State) -> tuple[object, ...]:
    """The same as long as nobody else has put a hand to its thumb."""
    return state.thumb, state.thumb_at_s, state.thumb_effects


def in_hand(effects: Effects) -> Effects:
    """As somebody begins, with what was done before."""
    return (PENDING, IN_HAND, *carried_out(effects))


def carried_out(effects: Effects) -> Effects:
    """What was done, whoever is at it."""
    return tuple(effect for effect in effects if effect not in (PENDING, IN_HAND))


def with_late(effects: Effects, done: Effects, *, is_same: bool) -> Effects:
    """`effects` of somebody who did not wait for `done`, which took too long.

    If that was not for the same word, whoever resumes it undoes both, and does what was said last.
    """
    late = tuple(each for each in done if each not in effects)
    if is_same:
        return effects if PENDING in effects else (*effects, *late)
    return (PENDING, *carried_out(effects), *late) if late else effects
