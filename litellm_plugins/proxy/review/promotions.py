"""Which verifier and which router took over when: into the audit journal, and out of it for the report."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellm_plugins.cache.verifier.labels import tenant_word
from litellm_plugins.proxy.review.noted import noted_in
from litellm_plugins.review.promotions import Changed, Promotion

if TYPE_CHECKING:
    from collections.abc import Callable

    from litellm_plugins.cache.admin.audit import Journal
    from litellm_plugins.cache.verifier.fitting import Fit
    from litellm_plugins.cache.verifier.verifier import Promoted
    from litellm_plugins.settings.routing import Routing

VERIFIER, ROUTER = "verifier_promoted", "router_promoted"
_ACTOR = "pack"  # nobody asked for it
_READ = 2_000  # records; a verifier takes over some 50 times while it learns its first 6,000 labels
_OF_TENANT = "/tenant/"


def notes_fits(journal: Journal, clock: Callable[[], float]) -> Promoted:
    """What a verifier tells each model to that takes over."""
    note = noted_in(journal, clock, VERIFIER)

    async def promoted(domain: str, fit: Fit) -> None:
        space, _, tenant = domain.partition(_OF_TENANT)
        await note(_ACTOR, {"space": space, "tenant": tenant, "labels": fit.version})

    return promoted


async def note_scorers(journal: Journal, routing: Routing, clock: Callable[[], float]) -> None:
    """Note each router whose scorer is not what it was at the last start. Raises: StoreUnavailable.

    The first note of a router is of a fitted scorer: where none ever was there is nothing to compare.
    """
    now = await asyncio.to_thread(_scorers, routing)
    last: dict[str, Mapping[str, Any]] = {}
    for record in await journal.latest(limit=_READ, action=ROUTER):
        last.setdefault(record.what["router"], record.what)
    note = noted_in(journal, clock, ROUTER)
    for name, what in now.items():
        if last.get(name) != what and (name in last or what["artefact"]):
            await note(_ACTOR, what)


async def promotions(journal: Journal) -> list[Promotion]:
    """All that the journal has. Raises: StoreUnavailable."""
    found = []
    for action, changed, named in ((VERIFIER, Changed.VERIFIER, "tenant"), (ROUTER, Changed.ROUTER, "router")):
        for record in await journal.latest(limit=_READ, action=action):
            what = {name: value for name, value in record.what.items() if name != named}
            found.append(Promotion(record.at, changed, record.what[named], what))
    return found


def word_of(tenant: str) -> str:
    """Of a tenant as reviews call it; what comes without any key the verifier knows by no name."""
    return tenant_word("" if tenant == "key:" else tenant)


def _scorers(routing: Routing) -> dict[str, dict[str, str]]:
    """By router in force: its scorer, and the first half of the SHA-256 of what was fitted."""
    if not routing.enabled or routing.mode != "active":
        return {}
    found = {}
    for name in routing.routers:
        scorer = routing.scorer_of(name)
        artefact = _digest(Path(routing.adapted)) if scorer == "adapted" and routing.adapted else ""
        found[name] = {"router": name, "scorer": str(scorer), "artefact": artefact}
    return found


def _digest(path: Path) -> str:
    from litellm_plugins.routing.scorers.trained import FILE

    return hashlib.sha256((path / FILE if path.is_dir() else path).read_bytes()).hexdigest()[:32]
