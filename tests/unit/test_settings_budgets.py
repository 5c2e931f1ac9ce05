"""`budgets:` and `ledger:` in the YAML: what may be written, and what is said of what may not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import yaml

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import parse
from litellm_plugins.settings.budgets import Budget, Degrade, ScopePart, Window, nano

ROOT = "callback_settings.litellm_plugins."
MARKS = "expected a share between 0 and 1, or several that rise: [0.5, 0.8]"
KINDS = "global, key, team, user, end_user, feature, tag, model, provider"
WINDOWS = "expected a count and min, h, d, w or mo: 1h, 1d, 1mo; or rolling: 30d, '1d rolling'"


def problems(block: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(block)
    return [problem.removeprefix(ROOT) for problem in caught.value.problems]


def budget(**fields: Any) -> Budget:
    (only,) = parse({"budgets": [{"name": "b", "limit_usd": 1} | fields]}).budgets
    return only


def test_the_budgets_of_the_documentation_are_read_as_they_stand() -> None:
    """Word for word: what a platform engineer writes on the first day."""
    block = yaml.safe_load("""
budgets:
  - {name: company, scope: global, limit_usd: 500, window: 1d}
  - {name: team-day, scope: team, limit_usd: 50, window: 1d, timezone: Europe/Madrid, soft: [0.5, 0.8], on_soft: degrade, on_hard: deny}
  - {name: chat-feature, scope: {feature: chat}, limit_usd: 20, window: 1h}
  - {name: opus-per-key, scope: [key, {model: claude-opus}], limit_usd: 5, window: 30d}
""")  # noqa: E501
    company, team, feature, opus = parse(block).budgets
    assert (company.limit_usd, company.window, company.timezone) == (
        Decimal(500),
        Window(count=1, unit="d", rolling=False),
        "UTC",
    )
    assert (team.soft, team.on_soft, team.on_hard, team.timezone) == ((0.5, 0.8), "degrade", "deny", "Europe/Madrid")
    assert team.degrade == Degrade(max_tokens=1_024)  # into what, where nothing is said
    assert feature.scope == (ScopePart(kind="feature", value="chat"),)
    assert opus.scope == (ScopePart(kind="key"), ScopePart(kind="model", value="claude-opus"))
    assert opus.window == Window(count=30, unit="d", rolling=True)


@pytest.mark.parametrize(
    ("written", "count", "unit", "rolling"),
    [
        ("1min", 1, "min", False),
        ("1h", 1, "h", False),
        ("1d", 1, "d", False),
        ("1w", 1, "w", False),
        ("1mo", 1, "mo", False),
        ("90min", 90, "min", True),
        ("30d", 30, "d", True),
        ("1d rolling", 1, "d", True),
        (" 4w ", 4, "w", True),
        ("7d rolling", 7, "d", True),
    ],
)
def test_a_window_is_of_the_calendar_if_it_is_one_of_its_units(
    written: str, count: int, unit: str, rolling: bool
) -> None:
    window = budget(window=written).window
    assert (window.count, window.unit, window.rolling) == (count, unit, rolling)


@pytest.mark.parametrize(
    ("written", "kinds"),
    [
        ("global", [("global", None)]),
        ("end_user", [("end_user", None)]),
        ({"team": "support"}, [("team", "support")]),
        ({"team": "support", "model": "gpt"}, [("team", "support"), ("model", "gpt")]),
        (["model", "key"], [("key", None), ("model", None)]),
        ([{"provider": "openai"}, "user"], [("user", None), ("provider", "openai")]),
        ({"tag": 2026}, [("tag", "2026")]),
        ({"key": "sha256:" + "ab" * 32}, [("key", "ab" * 32)]),
    ],
)
def test_a_scope_is_one_kind_or_several_with_or_without_a_value(
    written: object, kinds: list[tuple[str, str | None]]
) -> None:
    """In one order, so that accounts have one name."""
    assert [(part.kind, part.value) for part in budget(scope=written).scope] == kinds


@pytest.mark.parametrize(
    ("written", "marks"),
    [([], ()), ([0.5, 0.8], (0.5, 0.8)), (["50%", "80%"], (0.5, 0.8)), (0.8, (0.8,)), ("80%", (0.8,))],
)
def test_marks_are_shares(written: object, marks: tuple[float, ...]) -> None:
    assert budget(soft=written).soft == marks


@pytest.mark.parametrize("written", [0.1, "0.1", "0.10"])
def test_a_limit_is_counted_in_whole_nano_dollars(written: object) -> None:
    limit = budget(limit_usd=written).limit_usd
    assert limit is not None
    assert nano(limit) == 100_000_000


def test_any_one_limit_makes_a_budget() -> None:
    for field in ("limit_usd", "limit_tokens", "limit_requests", "max_request_usd"):
        assert getattr(budget(**{"limit_usd": None, field: 0}), field) == 0


@pytest.mark.parametrize("where", [{"on_soft": "degrade", "soft": 0.8}, {"on_hard": "degrade"}])
def test_to_degrade_without_saying_into_what_means_shorter_answers(where: dict[str, Any]) -> None:
    assert budget(**where).degrade == Degrade(max_tokens=1_024)
    assert budget(**where, degrade={"model": "small"}).degrade == Degrade(model="small")
    assert budget().degrade is None


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": None}, ".name: input should be a valid string (got None)"),
    "a name that would not fit an account's": (
        {"name": "a/b"},
        ".name: string should match pattern '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' (got 'a/b')",
    ),
    "a slip of the pen": ({"limt_usd": 1}, ".limt_usd: unknown setting; did you mean limit_usd?"),
    "a word from elsewhere": ({"period": "1d"}, ".period: unknown setting; known here: "),
    "no limit": (
        {"limit_usd": None},
        ": limits nothing; set limit_usd, limit_tokens, limit_requests or max_request_usd",
    ),
    "a limit below zero": ({"limit_usd": -1}, ".limit_usd: input should be greater than or equal to 0 (got -1)"),
    "a limit in words": ({"limit_usd": "$5"}, ".limit_usd: input should be a valid decimal (got '$5')"),
    "a limit without end": ({"limit_usd": float("inf")}, ".limit_usd: input should be a finite number (got inf)"),
    "a limit finer than is counted": (
        {"limit_usd": "0.0000000001"},
        ".limit_usd: decimal input should have no more than 9 decimal places (got '0.0000000001')",
    ),
    "half a request": (
        {"limit_requests": 1.5},
        ".limit_requests: input should be a valid integer, got a number with a fractional part (got 1.5)",
    ),
    "a window of a unit that is not there": ({"window": "1y"}, f".window: {WINDOWS} (got '1y')"),
    "a window that may be minutes or months": ({"window": "1m"}, f".window: {WINDOWS} (got '1m')"),
    "a window without a unit": ({"window": 3600}, f".window: {WINDOWS} (got 3600)"),
    "a window of nothing": ({"window": "0d"}, f".window: {WINDOWS} (got '0d')"),
    "a window in parts": ({"window": {"count": 1, "unit": "d", "rolling": False}}, f".window: {WINDOWS}"),
    "months that roll": (
        {"window": "3mo"},
        ".window: months differ in length; write a rolling window in days: 30d (got '3mo')",
    ),
    "a zone that is none": (
        {"timezone": "Madrid"},
        ".timezone: not a time zone of the IANA database, such as Europe/Madrid (got 'Madrid')",
    ),
    "a zone that is a file": (
        {"timezone": "../../etc/passwd"},
        ".timezone: not a time zone of the IANA database, such as Europe/Madrid (got '../../etc/passwd')",
    ),
    "an unknown scope": (
        {"scope": "organization"},
        f".scope: expected one of {KINDS}, or one with a value: {{feature: chat}} (got 'organization')",
    ),
    "no scope at all": ({"scope": []}, ".scope: expected one or more kinds of scope, each once"),
    "a scope twice": ({"scope": ["key", {"key": "ci"}]}, ".scope: expected one or more kinds of scope, each once"),
    "everything and something": (
        {"scope": ["global", "key"]},
        ".scope: global covers everything; leave it out beside others",
    ),
    "a value of everything": (
        {"scope": {"global": "x"}},
        f".scope: expected one of {KINDS}, or one with a value: {{feature: chat}}",
    ),
    "a value that YAML read as yes": (
        {"scope": {"feature": True}},
        ".scope: expected a name after feature, such as {feature: chat}; in quotes if it is yes, no or null",
    ),
    "a value that is nothing": (
        {"scope": {"team": None}},
        ".scope: expected a name after team, such as {feature: chat}; in quotes if it is yes, no or null",
    ),
    "a key itself": (
        {"scope": {"key": "sk-lp-secret"}},
        ".scope: a key is named by its alias or its hash, never by the key itself",
    ),
    "marks that fall": ({"soft": [0.8, 0.5]}, f".soft: {MARKS}"),
    "one mark twice": ({"soft": [0.5, 0.5]}, f".soft: {MARKS}"),
    "a mark at the limit": ({"soft": [1.0]}, f".soft: {MARKS}"),
    "a mark in per cent without the sign": (
        {"soft": [80]},
        ".soft.0: expected a share: 10% or 0.1, from 0 to 100% (got 80)",
    ),
    "marks of no window": (
        {"limit_usd": None, "max_request_usd": 1, "soft": [0.5]},
        ": soft marks are shares of a window's limit; set limit_usd, limit_tokens or limit_requests",
    ),
    "to degrade at no mark": (
        {"on_soft": "degrade"},
        ": on_soft: degrade needs a mark, such as soft: [0.8]; the last one counts",
    ),
    "an unknown way at a mark": ({"on_soft": "deny"}, ".on_soft: input should be 'warn' or 'degrade' (got 'deny')"),
    "an unknown way at the limit": (
        {"on_hard": "warn"},
        ".on_hard: input should be 'deny', 'cache_only' or 'degrade' (got 'warn')",
    ),
    "into nothing": ({"degrade": {}}, ".degrade: says nothing; set model, max_tokens, max_error_rate or defer"),
    "into what is not known": ({"degrade": {"modle": "x"}}, ".degrade.modle: unknown setting; did you mean model?"),
    "into no answer": (
        {"degrade": {"max_tokens": 0}},
        ".degrade.max_tokens: input should be greater than or equal to 1 (got 0)",
    ),
    "into a cache that says anything": (
        {"degrade": {"max_error_rate": 0.9}},
        ".degrade.max_error_rate: input should be less than or equal to 0.2 (got 0.9)",
    ),
    "without a ledger, something else": (
        {"on_ledger_failure": "open"},
        ".on_ledger_failure: input should be 'deny' or 'allow' (got 'open')",
    ),
}


@pytest.mark.parametrize(("fields", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_told_with_its_place_and_what_would_be_right(fields: dict[str, Any], expected: str) -> None:
    (told,) = problems({"budgets": [{"name": "first", "limit_usd": 1}, {"name": "b", "limit_usd": 1} | fields]})
    assert told.startswith(f"budgets.1{expected}")
    assert "secret" not in told


def test_two_budgets_of_one_name_would_share_their_accounts() -> None:
    twice = [{"name": "a", "limit_usd": 1}, {"name": "a", "limit_usd": 2}]
    assert problems({"budgets": twice}) == ["budgets: budget name given twice: a"]


LEDGER_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a slip of the pen": ({"leases_s": 60}, "ledger.leases_s: unknown setting; did you mean lease_s?"),
    "a lease shorter than any call": (
        {"lease_s": 1},
        "ledger.lease_s: input should be greater than or equal to 5 (got 1)",
    ),
    "an unknown end of a lease": (
        {"on_lapse": "keep"},
        "ledger.on_lapse: input should be 'charge' or 'release' (got 'keep')",
    ),
    "an unknown way with the unpriced": (
        {"unpriced": "guess"},
        "ledger.unpriced: input should be 'deny' or 'free' (got 'guess')",
    ),
    "half a price": (
        {"prices": {"mine": {"input_usd_per_million": 1}}},
        "ledger.prices.mine.output_usd_per_million: is required",
    ),
    "a price below zero": (
        {"prices": {"mine": {"input_usd_per_million": -1, "output_usd_per_million": 1}}},
        "ledger.prices.mine.input_usd_per_million: input should be greater than or equal to 0 (got -1)",
    ),
    "a price per token": (
        {"prices": {"mine": {"input_cost_per_token": 1, "input_usd_per_million": 1, "output_usd_per_million": 1}}},
        "ledger.prices.mine.input_cost_per_token: unknown setting; did you mean input_usd_per_million?",
    ),
    "answers of no length": (
        {"assumed_output_tokens": 0},
        "ledger.assumed_output_tokens: input should be greater than or equal to 1 (got 0)",
    ),
    "a broken stream, another way": (
        {"broken_streams": "free"},
        "ledger.broken_streams: input should be 'heard' or 'reserved' (got 'free')",
    ),
    "a left stream, another way": (
        {"left_streams": True},
        "ledger.left_streams: input should be 'drain', 'heard' or 'reserved' (got True)",
    ),
    "a reservation below zero": (
        {"other_request_usd": "-0.1"},
        "ledger.other_request_usd: input should be greater than or equal to 0 (got '-0.1')",
    ),
}


@pytest.mark.parametrize(("ledger", "expected"), LEDGER_FAULTS.values(), ids=LEDGER_FAULTS.keys())
def test_a_fault_of_the_ledger_is_told_in_the_same_way(ledger: dict[str, Any], expected: str) -> None:
    assert problems({"ledger": ledger}) == [expected]


def test_a_price_is_exact() -> None:
    given = {"mine": {"input_usd_per_million": 0.0375, "output_usd_per_million": "0.15"}}
    price = parse({"ledger": {"prices": given}}).ledger.prices["mine"]
    assert (price.input_usd_per_million, price.output_usd_per_million) == (Decimal("0.0375"), Decimal("0.15"))
