"""When what waits is sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litellm_plugins.batch.queue import Waiting
    from litellm_plugins.settings.batch import Batch as Rules


def due(waiting: Iterable[Waiting], rules: Rules, *, now_s: float) -> list[str]:
    """The model groups of which a file is full, or whose first request has waited long enough."""
    return [
        each.model_group
        for each in waiting
        if each.requests >= rules.max_requests or now_s - each.since_s >= rules.window_s
    ]
