"""How states are spelled: what is compared when two workers change one at once."""

from __future__ import annotations

from dataclasses import replace

from litellm_plugins.review.items import State, Verdict, Why
from litellm_plugins.review.store import facts_of, items_of, state_from, state_of
from tests.unit.review.samples import item


def test_what_a_newer_version_says_of_an_item_stays_and_keeps_nobody_from_judging_it() -> None:
    """While workers of two versions run, or after a step back."""
    ours = state_of(State(why=Why.NEAR, judged_at_s=1.1))
    theirs = ours[:-1] + b',"later":{"a":[1,2.5]},"last":true}'
    read = state_from(theirs)

    assert state_of(read) == theirs  # so it can be changed
    changed = state_of(replace(read, verdict=Verdict.WRONG))
    assert changed.endswith(b',"later":{"a":[1,2.5]},"last":true}')
    assert state_from(changed).verdict is Verdict.WRONG


def test_an_item_that_only_a_newer_version_can_read_does_not_keep_the_others_back() -> None:
    facts, state = facts_of(item(1)), state_of(State(why=Why.NEAR))
    theirs = [(facts, b'{"why":"a_new_reason"}'), (facts.replace(b'"hit"', b'"a_new_kind"'), state)]
    assert [each.id for each in items_of([theirs[0], (facts, state), theirs[1]])] == [item(1).id]
