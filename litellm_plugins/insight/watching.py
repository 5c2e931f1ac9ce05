"""Looks at usage from time to time, one worker of all, and has told what is strange."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from litellm_plugins.alerts.message import Message
from litellm_plugins.alerts.telling import Teller
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.insight.anomalies import Finding
from litellm_plugins.insight.anomalies_telling import OF_A_KIND_MS, chosen, message
from litellm_plugins.insight.explaining import ASKED, Moved, moved
from litellm_plugins.insight.history import EVERYTHING, History, Subject
from litellm_plugins.insight.looking import Seen, strange
from litellm_plugins.insight.store import AnomalyLog, ToldAnomaly, UsageStore
from litellm_plugins.insight.usage import HOUR_S, OTHER, Dimension, Example, Row, hour_of
from litellm_plugins.settings.insight import Insight

_LOG = logging.getLogger(__name__)
_TURN = "look"
_EXAMPLES_MS = 26 * HOUR_S * 1_000
_LATE_MS = 2 * HOUR_S * 1_000  # a dear request that is told of no later
_EACH_BY_ITSELF = frozenset({"user_day", "dear_request"})
_DAYS_BEFORE = 7


class AnomalyWatch:
    """One for each worker; the store's turns and the outbox see to it that a thing is told once."""

    def __init__(
        self,
        store: UsageStore,
        teller: Teller,
        settings: Insight,
        *,
        clock_ms: Callable[[], int],
        log: AnomalyLog | None = None,
    ) -> None:
        self._store, self._teller, self._settings, self._clock_ms, self._log = store, teller, settings, clock_ms, log
        self._history = History(store, settings.anomalies.history_days)

    async def run(self, every_s: float) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(every_s * random.uniform(0.9, 1.1))  # noqa: S311 - so that workers keep no step
            try:
                if await self._store.take_turn(_TURN, now_ms=self._clock_ms(), for_ms=int(every_s * 900)):
                    await self.look()
            except StoreUnavailable as exc:
                _LOG.debug("usage cannot be looked at: %s", exc)

    async def look(self) -> list[Message]:
        """What was told now. Raises: StoreUnavailable."""
        now_ms = self._clock_ms()
        hour = hour_of(now_ms)
        await self._history.read(hour)
        examples = await self._store.examples(now_ms - _EXAMPLES_MS)
        late = [each for each in examples if each.at_ms >= now_ms - _LATE_MS]
        seen = Seen(self._history.series, hour, late, await self._spent_today(hour))
        found = await asyncio.to_thread(strange, seen, self._settings.anomalies)
        return [told for each in found if (told := await self._tell(each, examples, now_ms)) is not None]

    async def _tell(self, found: Finding, examples: list[Example], now_ms: int) -> Message | None:
        chosen_ones = chosen(found, examples)
        url = self._settings.trace_url
        bare = message(found, Moved(), chosen_ones, now_ms=now_ms, trace_url=url)
        if self._teller.knows(bare):
            return None
        if found.kind not in _EACH_BY_ITSELF:
            name = f"anomaly:{found.kind}"
            if not await self._store.take_turn(name, now_ms=now_ms, for_ms=OF_A_KIND_MS):
                return None
        full = message(found, await self._moved(found), chosen_ones, now_ms=now_ms, trace_url=url)
        if not await self._teller.tell(full):
            return None
        if self._log is not None:
            await self._log.keep(_logged(found, full))
        return full

    async def _moved(self, found: Finding) -> Moved:
        now = await self._rows(found, found.since, found.until)
        before: list[Row] = []
        stretches = 0
        for day in range(1, _DAYS_BEFORE + 1):
            rows = await self._rows(found, found.since - 24 * day, found.until - 24 * day)
            stretches += bool(rows)
            before += rows
        return moved(found, now, before, stretches=stretches)

    async def _rows(self, found: Finding, since: int, until: int) -> list[Row]:
        """Of the subject, by `ASKED`."""
        if found.subject == EVERYTHING:
            return await self._store.rows(since, until, ASKED)
        dimension = _DIMENSIONS[found.subject[0]]
        rows = await self._store.rows(since, until, (dimension, *ASKED))
        return [Row(row.hour, row.words[1:], row.sums) for row in rows if row.words[0] == found.subject[1]]

    async def _spent_today(self, hour: int) -> dict[Subject, tuple[int, int]]:
        if self._settings.anomalies.user_day_usd is None:
            return {}
        found: dict[Subject, tuple[int, int]] = {}
        dimensions: tuple[Dimension, ...] = ("user", "end_user") if self._settings.end_users else ("user",)
        for dimension in dimensions:
            for row in await self._store.rows(hour - hour % 24, hour + 1, (dimension,)):
                (word,) = row.words
                if word and word != OTHER:
                    nano, requests = found.get((dimension, word), (0, 0))
                    spent = row.sums.spent_nano_usd + row.sums.own_nano_usd
                    found[dimension, word] = (nano + spent, requests + row.sums.requests)
        return found


def _logged(found: Finding, message: Message) -> ToldAnomaly:
    """One team's alone is what is strange about it, and a single request of its own."""
    call_team = found.call.team if found.call is not None else ""
    team = found.subject[1] if found.subject[0] == "team" else call_team
    kind = "" if found.subject == EVERYTHING else _DIMENSIONS[found.subject[0]]
    return ToldAnomaly(message.id, found.kind, (kind, found.subject[1]), message.at_ms, team, message.text)


_DIMENSIONS: dict[str, Dimension] = {
    "feature": "feature",
    "team": "team",
    "model_group": "model_group",
    "key": "key",
    "user": "user",
    "end_user": "end_user",
}
