"""Verifiers and routers that took over, as the page tells of them."""

from __future__ import annotations

from litellm_plugins.ui.changes import changes
from tests.support.shown_day import PROMOTIONS


def test_what_took_over_is_told_newest_first_with_intervals() -> None:
    router, verifier = changes({"promotions": PROMOTIONS})
    assert (verifier.what, verifier.at) == ("verifier of everybody", "2027-01-15 08:00 UTC")
    assert verifier.before == "95.2% right (91.0% to 97.4%)"
    assert (verifier.difference, verifier.state_told) == ("+3.9 points (+0.7 to +8.2)", "better")
    assert (router.before, router.after, router.difference) == ("41 judged", "7 judged", "-")
    assert router.state_told == "too few verdicts"


def test_only_the_newest_are_shown() -> None:
    (one,) = PROMOTIONS["verifier"]
    many = [{**one, "at_s": one["at_s"] + number} for number in range(20)]
    assert len(changes({"promotions": {"verifier": many}})) == 8


def test_where_nothing_took_over_there_is_nothing() -> None:
    assert changes({}) == ()
