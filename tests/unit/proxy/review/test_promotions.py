"""What takes over leaves a trace in the journal, and the report finds it there. On real SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.cache.backends.sqlite_journal import SqliteJournal
from litellm_plugins.cache.backends.sqlite_labels import SqliteLabelStore
from litellm_plugins.cache.verifier import fitting
from litellm_plugins.cache.verifier.labels import domain_of
from litellm_plugins.cache.verifier.verifier import Verifier
from litellm_plugins.cache.verifier.verifiers import Verifiers
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.proxy.review import promotions as noting
from litellm_plugins.proxy.review.promotions import note_scorers, notes_fits, promotions, word_of
from litellm_plugins.proxy.stores import SCHEMA
from litellm_plugins.review.backends.sqlite_items import SqliteItems
from litellm_plugins.review.items import Verdict, Why
from litellm_plugins.review.promotions import Changed, before_after
from litellm_plugins.settings.routing import Routing
from litellm_plugins.storage.sqlite import SqliteFile
from tests.unit.cache.fakes import Clock
from tests.unit.cache.verifier.samples import labels
from tests.unit.cache.verifier.workers import teach
from tests.unit.review.samples import NOW, item


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    made = SqliteFile(tmp_path / "pack.db", schema=SCHEMA)
    yield made
    await made.aclose()


@pytest.fixture
def journal(file: SqliteFile) -> SqliteJournal:
    return SqliteJournal(file)


def worker(file: SqliteFile, journal: SqliteJournal, clock: Clock) -> Verifier:
    noted = notes_fits(journal, clock)
    return Verifier(SqliteLabelStore(file), space="fake:1", prior=None, clock=clock, draw=lambda: 0.999, promoted=noted)


async def test_a_model_that_takes_over_is_noted_once_and_one_that_stays_is_not(
    file: SqliteFile, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    one, other = worker(file, journal, clock), worker(file, journal, clock)
    await teach(one, labels(60))
    await teach(other, labels(40, seed=1))
    monkeypatch.setattr(fitting, "beats", lambda *_: False)
    await teach(other, labels(25, seed=2))
    monkeypatch.setattr(fitting, "beats", lambda *_: True)
    clock.now += 60.0
    await teach(other, labels(25, seed=3))

    records = await journal.latest(limit=9)
    assert [(each.action, each.actor, each.what) for each in records] == [
        ("verifier_promoted", "pack", {"space": domain_of("fake:1"), "tenant": "", "labels": count})
        for count in (150, 100)
    ]
    newer, older = await promotions(journal)
    assert (newer.at_s - older.at_s, newer.name, newer.what["labels"]) == (60.0, "", 150)


async def test_a_tenant_s_own_goes_under_the_word_that_reviews_find_it_by(
    file: SqliteFile, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("litellm_plugins.cache.verifier.schedule.FIRST_OF_TENANT", 100)
    monkeypatch.setattr(fitting, "explains_better", lambda *_: True)
    verifiers = Verifiers(worker(file, journal, Clock()))
    verifiers.of("team:a")
    own = verifiers.of("team:b").own
    assert own is not None
    await teach(own, labels(100))
    [noted] = await promotions(journal)
    assert noted.name == word_of("team:b") != word_of("team:a")


async def test_a_store_that_fails_does_not_stop_the_fit(file: SqliteFile, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def append(self, _: Any) -> None:
            raise StoreUnavailable("store_error", "gone")

    verifier = worker(file, Broken(), Clock())  # type: ignore[arg-type]  # what it is asked
    await teach(verifier, labels(100))
    assert verifier.fit is not None
    assert "could not be written into the journal" in caplog.text


def routing(adapted: Path | None, **other: Any) -> Routing:
    tiers = [{"name": "cheap", "models": ["small"]}, {"name": "dear", "models": ["big"]}]
    fitted: dict[str, Any] = {} if adapted is None else {"scorer": "adapted", "adapted": str(adapted)}
    return Routing.model_validate({"routers": {"auto": {"tiers": tiers}}, **fitted, **other})


async def test_a_router_is_noted_when_its_scorer_took_over_and_when_it_is_taken_back(
    journal: SqliteJournal, tmp_path: Path
) -> None:
    fitted, clock = tmp_path / "fitted.npz", Clock()

    async def started(settings: Routing) -> int:
        """How many notes there are after the start of such a proxy."""
        clock.now += 60.0
        await note_scorers(journal, settings, clock)
        return len(await journal.latest(limit=9, action=noting.ROUTER))

    fitted.write_bytes(b"one")
    assert await started(routing(None)) == 0  # nothing was ever fitted
    assert await started(routing(fitted, mode="shadow")) == 0  # nothing goes by it
    assert [await started(routing(fitted)) for _ in range(2)] == [1, 1]
    fitted.write_bytes(b"another")
    assert [await started(routing(fitted)) for _ in range(2)] == [2, 2]
    assert [await started(routing(None)) for _ in range(2)] == [3, 3]
    back, second, first = await promotions(journal)
    assert {each.name for each in (back, second, first)} == {"auto"}
    assert [each.what["scorer"] for each in (first, second, back)] == ["adapted", "adapted", "heuristic"]
    assert len({first.what["artefact"], second.what["artefact"], back.what["artefact"]}) == 3


async def test_a_folder_of_routing_train_is_known_by_its_scorer(journal: SqliteJournal, tmp_path: Path) -> None:
    from litellm_plugins.routing.scorers.trained import shipped, write

    write(shipped(), tmp_path / "fitted")
    await note_scorers(journal, routing(tmp_path / "fitted"), Clock())
    [noted] = await promotions(journal)
    named = (tmp_path / "fitted" / "SHA256SUMS").read_text().split()[0]
    assert (noted.changed, noted.what["artefact"]) == (Changed.ROUTER, named[:32])


async def test_what_was_noted_divides_what_the_store_kept(file: SqliteFile, journal: SqliteJournal) -> None:
    clock = Clock(NOW + 100)
    items = SqliteItems(file, max_items=1_000)
    hit: dict[str, Any] = {"probability": 0.99, "promised": 0.01}
    said = [(number, Verdict.WRONG if number % 2 else Verdict.RIGHT) for number in range(40)]
    said += [(number, Verdict.RIGHT) for number in range(200, 250)]
    await items.add([item(number, why=Why.CONTROL, verdict=verdict, **hit) for number, verdict in said])
    await teach(worker(file, journal, clock), labels(100))

    sample = await items.sample(since_s=NOW - 1, team=None, tenant=None)
    known = await promotions(journal)
    [row] = before_after(sample, known, since_s=NOW - 1, now_s=NOW + 500, word_of=word_of)["verifier"]
    assert (row["before"]["judged"], row["before"]["right"]) == (40, 0.5)
    assert (row["after"]["judged"], row["after"]["right"], row["state"]) == (50, 1.0, "better")
