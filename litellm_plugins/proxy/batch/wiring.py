"""Putting deferral together, where the settings want it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.proxy.batch.books import HostBooks
from litellm_plugins.proxy.batch.prices import BatchBook
from litellm_plugins.proxy.batch.provider import OpenAiBatches
from litellm_plugins.proxy.batch.stage import HostBatch
from litellm_plugins.proxy.cache.host_judge import host_router
from litellm_plugins.proxy.routing.checks import model_names
from litellm_plugins.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_plugins.batch.queue import Queue
    from litellm_plugins.budgets.ledger import Ledger
    from litellm_plugins.proxy.budgets.prices import PriceBook
    from litellm_plugins.settings import Settings
    from litellm_plugins.telemetry.events import Telemetry


def host_batch(
    settings: Settings, store: Queue, book: PriceBook, telemetry: Telemetry, ledger: Ledger | None
) -> HostBatch | None:
    """None where it is off. `ledger`: where there are budgets."""
    rules = settings.batch
    if not rules.enabled:
        return None
    prices, provider = BatchBook(book, rules.price_ratio), OpenAiBatches(host_router)
    books = HostBooks(ledger, prices, provider, telemetry)
    return HostBatch(rules, store, provider, books, prices, telemetry)


def unknown_offered(settings: Settings, config: Path | None) -> list[str]:
    """A fault for each model that is offered, and that the host will not know."""
    known = model_names(config) if settings.batch.models and config is not None else None
    if known is None:
        return []
    return [
        f"{ROOT}.batch.models: {name!r} is not in model_list" for name in settings.batch.models if name not in known
    ]
