"""The review of the running proxy as the page's desk: the same operations as its routes have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from litellm_plugins.review.desk import JudgedMeanwhile
from litellm_plugins.ui.reviewing import Verdict

Json = dict[str, Any]


class _Taker(Protocol):
    async def take(self, given: Mapping[str, Any], *, actor: str, shown_at_s: float | None) -> Json:
        """As `POST /plugins/review/verdicts`. Raises: JudgedMeanwhile, where somebody said otherwise since then."""


class Review(Protocol):
    """What the review is to the page."""

    @property
    def desk(self) -> _Taker:
        """Takes verdicts."""

    async def queue(self, given: Mapping[str, Any]) -> Json:
        """As `GET /plugins/review/queue`."""

    async def report(self, given: Mapping[str, Any]) -> Json:
        """As `GET /plugins/review/report`."""


class HostDesk:
    """Keeps `ReviewDesk`."""

    def __init__(self, review: Review) -> None:
        self._review = review

    async def queue(self, limit: int, team: str | None, tenant: str | None) -> Sequence[Json]:
        found: Sequence[Json] = (await self._review.queue({"limit": str(limit), **_of(team, tenant)}))["items"]
        return found

    async def judge(self, item_id: str, verdict: Verdict, by: str, *, shown_at_ms: int | None) -> Json:
        shown_at_s = None if shown_at_ms is None else shown_at_ms / 1_000
        try:
            return await self._review.desk.take(
                {"item_id": item_id, "verdict": verdict}, actor=by, shown_at_s=shown_at_s
            )
        except JudgedMeanwhile as exc:
            return {"meanwhile": str(exc.verdict)}

    async def report(self, team: str | None, tenant: str | None) -> Json:
        return await self._review.report(_of(team, tenant))


def _of(team: str | None, tenant: str | None) -> dict[str, str]:
    return {name: value for name, value in (("team", team), ("tenant", tenant)) if value is not None}
