"""What is said to Redis' scripts, and what they say."""

from __future__ import annotations

import pytest

from litellm_plugins.budgets.amounts import Amounts, Limits
from litellm_plugins.budgets.backends import redis_keys, redis_scripts
from litellm_plugins.budgets.ledger import Balance, Line, Span

EXACT = 2**53
SPAN = Span(1_800_000_000_000, 1_800_000_060_000)


def test_every_key_has_the_hash_tag_of_all() -> None:
    assert redis_keys.leases("pack") == "pack:1:{ledger}:leases"


@pytest.mark.parametrize("amount", [Amounts(EXACT), Amounts(tokens=EXACT), Amounts(requests=-1)])
def test_an_amount_that_lua_could_not_count_is_refused(amount: Amounts) -> None:
    with pytest.raises(ValueError, match="2\\^53"):
        redis_keys.amounts(amount)


def test_the_largest_amount_that_it_can_count_is_none_of_them() -> None:
    assert redis_keys.amounts(Amounts(EXACT - 1, 0, 1)) == [EXACT - 1, 0, 1]


def test_a_limit_that_cannot_be_reached_is_none() -> None:
    assert redis_keys.limits(Limits(EXACT, 0, None)) == ["", 0, ""]


def test_a_line_names_its_window() -> None:
    assert redis_keys.window(Line("b", "b/key=x", Limits(), SPAN)) == ["b/key=x", SPAN.start_ms, SPAN.end_ms, 0]


def test_a_balance_is_read_with_and_without_an_admins_limits() -> None:
    told = ["é/key=x".encode(), SPAN.start_ms, SPAN.end_ms, 0, 1, 2, 3, 4, 5, 6, 0, 1, 0]
    without = redis_keys.balance([*told, 0, b"", b"", b"", b""])
    assert without == Balance("é/key=x", SPAN, Amounts(1, 2, 3), Amounts(4, 5, 6), Amounts(0, 1, 0))
    assert redis_keys.balance([*told, 1, 0, b"", 7, b""]).limits == Limits(0, None, 7)


def test_only_what_takes_no_room_runs_on_a_full_server() -> None:
    """The flag must stand in the first line, before what all scripts share."""
    flagged = {
        name
        for name in ("RESERVE", "CALLED", "SETTLE", "LAPSE", "FIND", "READ", "RESET", "LIMIT")
        if getattr(redis_scripts, name).text.startswith("#!lua flags=allow-oom\n")
    }
    assert flagged == {"CALLED", "SETTLE", "LAPSE", "FIND", "READ", "RESET"}
    assert redis_scripts.RESERVE.text.startswith("#!lua\n")
