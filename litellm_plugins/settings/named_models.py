"""Which models budgets, history and reviews name: one that is misspelt would fail unseen, or when it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from litellm_plugins.settings.blocks import OVERRIDES, Settings


def models_called(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is degraded to, and who sums up and judges: where it is named, and the model group."""
    for at, budget in enumerate(settings.budgets):
        if budget.degrade is not None and budget.degrade.model is not None:
            yield f"budgets.{at}.degrade.model", budget.degrade.model
    yield from _summing_up("compression", settings.compression.model_dump(exclude_unset=True))
    if settings.review.judge is not None:
        yield "review.judge.model", settings.review.judge.model
    for table in OVERRIDES:
        for who, override in getattr(settings, table).items():
            root = f"{table}.{'sk-***' if who.startswith('sk-') else who}"
            for name, over in override.budgets.items():
                yield from _named(_block(over, "degrade"), f"{root}.budgets.{name}.degrade")
            yield from _summing_up(f"{root}.compression", override.compression)


def models_budgeted(settings: Settings) -> Iterator[tuple[str, str]]:
    """Those that a budget is for, and no other request draws on."""
    for at, budget in enumerate(settings.budgets):
        yield from ((f"budgets.{at}.scope", each.value) for each in budget.scope if each.kind == "model" and each.value)


def _summing_up(root: str, compression: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _named(_block(compression, "history"), f"{root}.history")
    for name, over in _block(compression, "features").items():
        yield from _named(_block(over, "history"), f"{root}.features.{name}.history")


def _named(block: Mapping[str, Any], root: str) -> Iterator[tuple[str, str]]:
    if isinstance(model := block.get("model"), str):
        yield f"{root}.model", model


def _block(value: object, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}
