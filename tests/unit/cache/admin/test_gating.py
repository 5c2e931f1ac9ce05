"""The gate as administrators ask for it, on a store of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.cache.admin.gating import gate_of
from litellm_plugins.cache.backends import sqlite_checks
from litellm_plugins.cache.checks import Check, CheckStore
from litellm_plugins.errors import RequestError
from litellm_plugins.model import Layer, Outcome, Reason
from litellm_plugins.storage.sqlite import SqliteFile

NOW = 1_700_000_000.0
RIGHT = Check(NOW - 60, Layer.EXACT, Reason.SHADOW, Outcome.RIGHT, 1.0, "small", "support")


@pytest.fixture
async def checks(tmp_path: Path) -> AsyncIterator[CheckStore]:
    """Eighty right ones of support's today, eighty wrong ones of sales' the day before."""
    file = SqliteFile(tmp_path / "a.db", schema=sqlite_checks.SCHEMA)
    store = sqlite_checks.SqliteCheckStore(file)
    wrong = replace(RIGHT, at=NOW - 90_000, outcome=Outcome.WRONG, team="sales", model_group="large")
    for check in [wrong] * 80 + [RIGHT] * 80:
        await store.add(check)
    yield store
    await file.aclose()


@pytest.mark.parametrize(
    ("given", "verdict", "seen"),
    [
        ({}, "fail", 160),
        ({"team": "support"}, "pass", 80),
        ({"team": "support", "at_least": "0.96"}, "not_enough", 80),
        ({"model": "large"}, "fail", 80),
        ({"hours": "24"}, "pass", 80),
        ({"hours": 24, "team": "sales"}, "not_enough", 0),
    ],
)
async def test_what_is_asked_for_is_judged(checks: CheckStore, given: dict[str, Any], verdict: str, seen: int) -> None:
    told = await gate_of(checks, given, now=NOW)
    assert (told["verdict"], told["checks"]) == (verdict, seen)


async def test_each_part_is_judged_by_itself(checks: CheckStore) -> None:
    for by, names in (("team", ["sales", "support"]), ("model", ["large", "small"]), ("layer", ["exact"])):
        told = await gate_of(checks, {"by": by}, now=NOW)
        assert list(told["by"]) == names
        assert told["verdict"] == "fail"
    told = await gate_of(checks, {"by": "team"}, now=NOW)
    assert {name: one["verdict"] for name, one in told["by"].items()} == {"sales": "fail", "support": "pass"}


@pytest.mark.parametrize(
    "given",
    [{"at_least": 1}, {"at_least": "x"}, {"hours": 0}, {"hours": "nan"}, {"hours": True}, {"by": "day"}, {"x": 1}],
)
async def test_what_makes_no_sense_is_refused(checks: CheckStore, given: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as refused:
        await gate_of(checks, given, now=NOW)
    assert refused.value.param == next(iter(given))
