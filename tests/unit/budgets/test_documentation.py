"""What docs/budgets.md shows can be written as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from litellm_plugins.budgets.policy import Ask, BudgetPolicy
from litellm_plugins.model import BudgetReason, Identity
from litellm_plugins.settings import parse
from litellm_plugins.settings.budgets import Budget

DOCS = (Path(__file__).parents[3] / "docs" / "budgets.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCS, re.DOTALL | re.MULTILINE)


FIRST = yaml.safe_load(blocks("yaml")[0])


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_example_boots(text: str) -> None:
    """An override beside the budgets that the page begins with."""
    block: dict[str, Any] = yaml.safe_load(text)
    parse(FIRST | block)


def test_every_example_of_metadata_is_understood(caplog: pytest.LogCaptureFixture) -> None:
    lines = [
        json.loads(line) for text in blocks("json") for line in text.splitlines() if line.startswith('{"metadata"')
    ]
    assert len(lines) == 2
    for line in lines:
        plain, told = (
            BudgetPolicy(parse(FIRST)).covering(
                Ask(Identity(key_id="k", team_id="t"), metadata={"key": given}), now_ms=1_770_000_000_000
            )
            for given in (None, line["metadata"]["litellm_plugins"])
        )
        assert plain != told
    assert not caplog.messages


def test_every_setting_and_every_reason_is_named() -> None:
    assert [field for field in Budget.model_fields if f"| `{field}` |" not in DOCS] == []
    elsewhere = {BudgetReason.CACHE_HIT, BudgetReason.COALESCED}  # of requests that reserve nothing
    assert [reason for reason in BudgetReason if reason not in elsewhere and f"`{reason}`" not in DOCS] == []
