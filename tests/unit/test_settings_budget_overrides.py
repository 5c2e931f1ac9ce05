"""What is said of overrides of budgets that cannot be: at boot, each with its path."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import parse

BUDGETS: list[dict[str, Any]] = [
    {"name": "company", "limit_usd": 5},
    {"name": "team-day", "scope": "team", "limit_usd": 5, "soft": [0.5]},
]


def problems(block: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse({"budgets": BUDGETS} | block)
    return [problem.removeprefix("callback_settings.litellm_plugins.") for problem in caught.value.problems]


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a slip in a name": (
        {"per_team": {"support": {"budgets": {"team-dya": {"limit_usd": 4}}}}},
        "per_team.support.budgets.team-dya: no budget of this name; did you mean team-day?",
    ),
    "another name": (
        {"per_team": {"support": {"budgets": {"x": None}}}},
        "per_team.support.budgets.x: no budget of this name; known here: company, team-day",
    ),
    "a slip in a field": (
        {"per_team": {"support": {"budgets": {"team-day": {"limt_usd": 4}}}}},
        "per_team.support.budgets.team-day.limt_usd: unknown setting; did you mean limit_usd?",
    ),
    "a limit below zero": (
        {"per_key": {"ci": {"budgets": {"company": {"limit_usd": -4}}}}},
        "per_key.ci.budgets.company.limit_usd: input should be greater than or equal to 0 (got -4)",
    ),
    "another account": (
        {"per_key": {"ci": {"budgets": {"company": {"scope": "key"}}}}},
        "per_key.ci.budgets.company.scope: whose account it is stays as it is; write a budget of its own",
    ),
    "another name for the account": (
        {"per_key": {"ci": {"budgets": {"company": {"name": "ci"}}}}},
        "per_key.ci.budgets.company.name: whose account it is stays as it is; write a budget of its own",
    ),
    "another window of an account that others draw on": (
        {"per_key": {"ci": {"budgets": {"team-day": {"window": "1h"}}}}},
        (
            "per_key.ci.budgets.team-day.window: others draw on the same account, and it has one window; write a "
            "budget of its own, or give this one a scope with key"
        ),
    ),
    "another zone of such an account": (
        {"per_team": {"support": {"budgets": {"company": {"timezone": "Asia/Tokyo"}}}}},
        (
            "per_team.support.budgets.company.timezone: others draw on the same account, and it has one window; "
            "write a budget of its own, or give this one a scope with team"
        ),
    ),
    "no sense on the budget": (
        {"per_key": {"ci": {"budgets": {"team-day": {"on_soft": "degrade", "soft": []}}}}},
        ("per_key.ci.budgets.team-day: on_soft: degrade needs a mark, such as soft: [0.8]; the last one counts"),
    ),
    "no limit left": (
        {"per_key": {"ci": {"budgets": {"company": {"limit_usd": None}}}}},
        ("per_key.ci.budgets.company: limits nothing; set limit_usd, limit_tokens, limit_requests or max_request_usd"),
    ),
    "for a model": (
        {"per_model": {"opus": {"budgets": {"company": {"limit_usd": 1}}}}},
        (
            "per_model.opus.budgets.company: budgets are overridden per team or key only; "
            "for a model write a budget with scope model"
        ),
    ),
    "a number": (
        {"per_key": {"ci": {"budgets": {"company": 5}}}},
        "per_key.ci.budgets.company: expected a block of settings (got 5)",
    ),
    "a key itself in place of its name": (
        {"per_key": {"sk-lp-secret": {"budgets": {"company": {"limit_usd": -1}}}}},
        "per_key.sk-***.budgets.company.limit_usd: input should be greater than or equal to 0 (got -1)",
    ),
}


@pytest.mark.parametrize(("block", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_told_with_its_place_and_what_would_be_right(block: dict[str, Any], expected: str) -> None:
    assert problems(block) == [expected]


def test_all_overrides_are_told_of_also_beside_a_budget_with_a_fault_of_its_own() -> None:
    """One restart a fault is what makes people give up."""
    found = problems(
        {
            "budgets": [{"name": "company"}, {"name": "team-day", "scope": "team", "limit_usd": 1}],
            "per_team": {"a": {"budgets": {"team-day": {"window": "1y"}, "no": None}}, "b": {"cache": {"ttl_s": 0}}},
            "per_key": {"ci": {"budgets": {"company": {"limit_usd": 1}, "team-day": {"soft": 5}}}},
        }
    )
    assert [line.split(": ")[0] for line in found] == [
        "budgets.0",
        "per_key.ci.budgets.team-day.soft.0",
        "per_team.a.budgets.team-day.window",
        "per_team.a.budgets.no",
        "per_team.b.cache.ttl_s",
    ]
