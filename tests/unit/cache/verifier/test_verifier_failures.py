"""The verifier where something fails, blocks or ends."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.cache.verifier import fitting
from litellm_plugins.cache.verifier.labels import Label, LabelStore
from litellm_plugins.cache.verifier.verifier import Assessment
from litellm_plugins.errors import StoreUnavailable
from tests.unit.cache.verifier.samples import labels, neighbour, sure
from tests.unit.cache.verifier.workers import AGAIN, DOMAIN, FAR, Deployment, assess, teach, version_of


class Failing:
    """A label store that cannot be reached while `down`, around one that can."""

    def __init__(self, store: LabelStore) -> None:
        self._store, self.down = store, False

    def _reach(self) -> LabelStore:
        if self.down:
            raise StoreUnavailable("store_busy")
        return self._store

    async def add_label(self, domain: str, label: Label) -> int:
        return await self._reach().add_label(domain, label)

    async def count_labels(self, domain: str) -> int:
        return await self._reach().count_labels(domain)

    async def newest_labels(self, domain: str, limit: int) -> list[Label]:
        return await self._reach().newest_labels(domain, limit)

    async def save_fit(self, domain: str, version: int, fit: bytes) -> None:
        await self._reach().save_fit(domain, version, fit)

    async def newest_fit(self, domain: str, *, above: int) -> tuple[int, bytes] | None:
        return await self._reach().newest_fit(domain, above=above)


async def test_what_is_known_goes_on_holding_while_the_store_is_away(store: LabelStore) -> None:
    failing = Failing(store)
    deployment = Deployment(failing)
    verifier = deployment.worker()
    await teach(verifier, labels(100))
    before = await assess(verifier, neighbour(AGAIN, 0.9), FAR)
    failing.down = True
    deployment.clock.now += 60
    after = await assess(verifier, neighbour(AGAIN, 0.9), FAR)
    assert (after.probability, after.threshold) == (before.probability, before.threshold)
    with pytest.raises(StoreUnavailable):
        await verifier.learn(after, right=True)


async def test_a_fit_that_fails_leaves_the_old_one_and_the_next_one_is_made(
    store: LabelStore, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(store)
    verifier = Deployment(failing).worker()
    told = labels(125)
    await teach(verifier, told[:99])
    verifier.saw_request()
    judged = Assessment(FAR, told[99].features, 0.5, 0.5, False, False, 1.0, ())
    await verifier.learn(judged, right=told[99].right)
    failing.down = True
    with caplog.at_level(logging.WARNING):
        await verifier.settled()
    assert version_of(verifier) is None
    assert "no fit after 100 labels" in caplog.text
    failing.down = False
    await teach(verifier, told[100:])
    assert version_of(verifier) == 125


@pytest.mark.parametrize("blob", [b"", b"garbage", b"PK\x03\x04" + bytes(200)])
async def test_a_broken_stored_fit_is_left_alone_and_told_of(
    deployment: Deployment, caplog: pytest.LogCaptureFixture, blob: bytes
) -> None:
    await deployment.store.save_fit(DOMAIN, 7, blob)
    verifier = deployment.worker(sure())
    with caplog.at_level(logging.WARNING):
        judged = await assess(verifier, neighbour(AGAIN, 0.99), FAR)
    assert version_of(verifier) is None
    assert judged.served
    assert "fit 7" in caplog.text


async def test_a_fit_is_replaced_by_the_next_where_the_stored_one_is_broken(deployment: Deployment) -> None:
    await deployment.store.save_fit(DOMAIN, 7, b"garbage")
    await teach(deployment.worker(), labels(100))
    other = deployment.worker()
    await assess(other, FAR)
    assert version_of(other) == 100


async def test_a_fit_never_blocks_the_loop(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes, requests are assessed meanwhile, and a second one is not begun."""
    begun, may_end = 0, threading.Event()
    real = fitting.fit

    def slow(*given: Any, **more: Any) -> fitting.Fit:
        nonlocal begun
        begun += 1
        assert may_end.wait(60), "nothing was assessed meanwhile"
        return real(*given, **more)

    monkeypatch.setattr(fitting, "fit", slow)
    verifier = deployment.worker(sure())
    told = labels(125)
    judged = await assess(verifier, neighbour(AGAIN, 0.99), FAR)
    for label in told[:100]:
        await verifier.learn(Assessment(FAR, label.features, 0.5, 0.5, False, False, 1.0, ()), right=label.right)
    longest, assessed = 0.0, 0
    while verifier.fit is None:
        at = time.thread_time()
        judged = await assess(verifier, neighbour(AGAIN, 0.99), FAR)
        await asyncio.sleep(0.001)
        longest = max(longest, time.thread_time() - at)  # of the loop's own thread
        assessed += 1
        if assessed > 20:
            may_end.set()
    assert assessed > 20
    assert longest < 0.25
    assert judged.candidate.question == AGAIN
    assert begun == 1


async def test_closing_gives_up_a_fit_that_is_being_made(deployment: Deployment) -> None:
    verifier = deployment.worker()
    for label in labels(100):
        await verifier.learn(Assessment(FAR, label.features, 0.5, 0.5, False, False, 1.0, ()), right=label.right)
    await verifier.aclose()
    assert version_of(verifier) is None
    await verifier.aclose()


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir()).lower()


async def test_no_text_is_kept_with_labels_and_fits(deployment: Deployment, tmp_path: Path) -> None:
    """The file as it lies on the disk."""
    verifier = deployment.worker(sure())
    secret = "Zanzibarquux Wolpertinger?"
    for _ in range(5):
        verifier.saw_question(secret)
        verifier.saw_answer(b"0123456789abcdef")
    judged = await assess(verifier, neighbour(secret, 0.5), FAR, asked=secret)
    await verifier.learn(judged, right=True)
    await teach(verifier, labels(99))
    assert verifier.fit is not None
    held = on_disk(tmp_path)
    assert DOMAIN.encode() in held
    for word in (b"zanzibar", b"wolpertinger"):
        assert word not in held
