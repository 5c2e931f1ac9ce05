"""The block `batch`, and the step `defer` of a budget."""

from __future__ import annotations

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import parse

ON = {"enabled": True, "models": ["gpt-4.1-mini"]}


def test_it_is_off_unless_it_is_switched_on() -> None:
    off, on = parse({}).batch, parse({"batch": ON}).batch
    assert (off.enabled, on.enabled) == (False, True)
    assert (on.window_s, on.max_requests, on.max_wait_s, on.poll_every_s) == (60, 100, 90_000, 30)
    assert (on.max_waiting, on.max_tenant_share, on.keep_days, on.price_ratio) == (10_000, 0.5, 7, 0.5)


@pytest.mark.parametrize(("share", "most", "of_one"), [("10%", 1_000, 100), (0.5, 5, 2), (0.5, 1, 1), (1, 7, 7)])
def test_one_tenant_has_a_share_of_the_queue_and_at_least_a_place(share: object, most: int, of_one: int) -> None:
    rules = parse({"batch": {**ON, "max_waiting": most, "max_tenant_share": share}}).batch
    assert rules.max_waiting_of_tenant == of_one


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_s": -1},
        {"max_requests": 0},
        {"max_requests": 50_001},
        {"max_wait_s": 59},
        {"poll_every_s": 0},
        {"max_waiting": 0},
        {"max_tenant_share": 0},
        {"max_tenant_share": 1.5},
        {"keep_days": 0},
        {"price_ratio": 1.5},
        {"window": 60},
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=rf"batch\.{next(iter(wrong))}"):
        parse({"batch": {**ON, **wrong}})


@pytest.mark.parametrize("models", [[], ["a", "a"]])
def test_it_needs_models_each_once(models: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"batch: .*models"):
        parse({"batch": {"enabled": True, "models": models}})


def test_a_budget_puts_nothing_off_while_batch_is_off() -> None:
    budget = {"name": "all", "limit_usd": 1, "soft": [0.5], "on_soft": "degrade", "degrade": {"defer": True}}
    with pytest.raises(SettingsError, match=r"budgets\.0\.degrade\.defer: .*batch\.enabled"):
        parse({"budgets": [budget]})
    assert parse({"budgets": [budget], "batch": ON}).budgets[0].degrade is not None
