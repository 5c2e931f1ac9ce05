"""The sidecar over HTTP and the proxy's client, on a server that is real but for the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from litellm_plugins.compression.llmlingua.client import LinguaClient
from litellm_plugins.compression.llmlingua.protocol import MOST_CHARS, Refusal, Refused, Wanted
from litellm_plugins.compression.llmlingua.shortening import How, shortened
from tests.support.compressor import RunningSidecar
from tests.support.compressor_engine import SmallWords
from tests.support.waiting import eventually

PROSE = "The committee met on the last Monday of the month and spoke for hours about the library's roof and its costs. "
WITHOUT = "The committee met last Monday month spoke hours about library's roof its costs. "
CODE = "```python\ndef odd(n):\n    return n % 2 and not to_the_end(n)\n```"


@pytest.fixture(scope="module")
def sidecar() -> Iterator[RunningSidecar]:
    with RunningSidecar(SmallWords()) as running:
        yield running.ready()


@pytest.fixture
def client(sidecar: RunningSidecar) -> LinguaClient:
    return LinguaClient(sidecar.url, most_in_flight=8)


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def refused(client: LinguaClient, text: str = PROSE, *, within_s: float = 10.0) -> Refusal:
    with pytest.raises(Refused) as refusal:
        client.compress(Wanted(text=text), until=soon(within_s))
    return refusal.value.reason


def test_a_text_comes_back_shorter(client: LinguaClient) -> None:
    assert client.compress(Wanted(text=PROSE, keep=((0, 3),)), until=soon()) == WITHOUT


def test_prose_goes_out_shorter_and_code_negations_and_numbers_stay(client: LinguaClient) -> None:
    text = f"{PROSE}It did not cost 3.50 to the city of York.\n\n{CODE}\n\n{PROSE}"
    made = shortened(text, How(rate=0.5), client, until=soon())
    assert CODE in made
    assert "did not cost 3.50" in made
    assert len(made) < 0.9 * len(text)


def test_a_rate_of_one_asks_nobody(sidecar: RunningSidecar, client: LinguaClient) -> None:
    """The package is not the identity there: it puts the text together from tokens."""
    before = len(sidecar.engine.seen)
    assert shortened(PROSE, How(rate=1.0), client, until=soon()) == PROSE
    assert len(sidecar.engine.seen) == before


def test_a_target_is_shared_out_among_the_stretches(sidecar: RunningSidecar, client: LinguaClient) -> None:
    before = len(sidecar.engine.seen)
    shortened(f"{PROSE * 3}\n\n{CODE}\n\n{PROSE}", How(target_tokens=40), client, until=soon())
    first, second = (wanted.target_tokens or 0 for wanted in sidecar.engine.seen[before:])
    assert first + second == 40
    assert first in (29, 30, 31)


def test_a_stretch_that_the_model_cannot_read_stays_and_the_others_go_on(client: LinguaClient) -> None:
    strange = f"{PROSE}This is unreadable here and so on. "
    made = shortened(f"{strange}\n\n{CODE}\n\n{PROSE}", How(), client, until=soon())
    assert made.startswith(strange)
    assert len(made) < len(f"{strange}\n\n{CODE}\n\n{PROSE}")


def test_a_model_that_raises_is_told_and_the_next_text_is_served(client: LinguaClient) -> None:
    assert refused(client, f"{PROSE} crash here") == Refusal.FAILED
    assert client.compress(Wanted(text=PROSE), until=soon()) != PROSE


def test_a_text_too_long_is_refused_before_it_is_queued(client: LinguaClient) -> None:
    assert refused(client, "a " * MOST_CHARS) == Refusal.TOO_LONG


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"text": 1}', b'{"text": "a", "keep": [[0, 9]]}', b'{"text":"a","x":1}']
)
def test_what_is_not_of_the_protocol_is_refused(sidecar: RunningSidecar, body: bytes) -> None:
    answer = httpx.post(f"{sidecar.url}/v1/compress", content=body, trust_env=False)
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed")


def test_a_body_without_end_is_refused(sidecar: RunningSidecar) -> None:
    answer = httpx.post(f"{sidecar.url}/v1/compress", content=b"x" * 3_000_000, trust_env=False, timeout=30)
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_long")


def test_who_comes_when_too_many_wait_is_refused_at_once() -> None:
    with RunningSidecar(SmallWords(), most_waiting=2) as sidecar:
        client = LinguaClient(sidecar.ready().url, most_in_flight=8)
        sidecar.engine.may_answer.clear()
        with ThreadPoolExecutor(2) as pool:
            first = [pool.submit(client.compress, Wanted(text=PROSE), until=soon(60)) for _ in range(2)]
            eventually(lambda: sidecar.desk.health().waiting == 2, what="both to wait")
            assert refused(client) == Refusal.BUSY
            assert not any(each.done() for each in first), "nobody had to be done before"
            sidecar.engine.may_answer.set()
            assert all(each.result() != PROSE for each in first)
        assert sidecar.desk.health().waiting == 0


def test_no_more_are_in_flight_than_may_be() -> None:
    with RunningSidecar(SmallWords(slow_s=0.05), most_waiting=16) as sidecar:
        client = LinguaClient(sidecar.ready().url, most_in_flight=2)
        most = 0
        done = threading.Event()

        def look() -> None:
            nonlocal most
            while not done.wait(0.005):
                most = max(most, sidecar.desk.health().waiting)

        looking = threading.Thread(target=look)
        looking.start()
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: client.compress(Wanted(text=PROSE), until=soon()), range(8)))
        done.set()
        looking.join()
    assert made == [made[0]] * 8
    assert most == 2


def test_past_the_deadline_nobody_waits_and_what_was_queued_is_not_begun() -> None:
    with RunningSidecar(SmallWords(), most_waiting=8) as sidecar:
        client = LinguaClient(sidecar.ready().url, most_in_flight=4)
        sidecar.engine.may_answer.clear()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(client.compress, Wanted(text=PROSE), until=soon(60))
            eventually(lambda: sidecar.engine.seen, what="it to be at work")
            assert refused(client, within_s=0.1) == Refusal.DEADLINE
            assert not first.done(), "its turn was not waited for"
            sidecar.engine.may_answer.set()
            first.result()
        eventually(lambda: sidecar.desk.health().waiting == 0, what="the queue to be empty")
        assert len(sidecar.engine.seen) == 1


def test_an_engine_is_told_when_nobody_waits_any_more() -> None:
    class Slow(SmallWords):
        def compress(self, wanted: Wanted, *, late: Callable[[], bool]) -> str:
            if not self.late:
                eventually(late, what="the deadline of the first")
            return super().compress(wanted, late=late)

    with RunningSidecar(Slow()) as sidecar:
        client = LinguaClient(sidecar.ready().url, most_in_flight=4)
        while not sidecar.engine.late:  # on a busy machine one is too late to be begun
            assert refused(client, within_s=0.3) == Refusal.DEADLINE
            eventually(lambda: sidecar.desk.health().waiting == 0, what="it to be left")
        client.compress(Wanted(text=PROSE), until=soon())
        assert sidecar.engine.late == [True, False]


def test_while_the_model_is_loaded_texts_are_refused_and_health_says_so() -> None:
    with RunningSidecar(SmallWords(loads_s=0.5)) as sidecar:
        client = LinguaClient(sidecar.url, most_in_flight=1)
        health = client.health()
        assert health is not None
        assert not health.ready
        assert httpx.get(f"{sidecar.url}/health", trust_env=False).status_code == 503
        assert refused(client) == Refusal.WARMING
        sidecar.ready()
        assert client.compress(Wanted(text=PROSE), until=soon()) != PROSE


def test_a_sidecar_that_is_gone_is_told_at_once_and_one_that_comes_back_is_used(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    client = LinguaClient(f"unix:{path}", most_in_flight=1)
    began = time.monotonic()
    assert refused(client) == Refusal.UNAVAILABLE
    assert time.monotonic() - began < 0.3
    for _ in range(2):
        with RunningSidecar(SmallWords(), path=path) as sidecar:
            sidecar.ready()

            def answered() -> bool:
                try:
                    return client.compress(Wanted(text=PROSE), until=soon()) != PROSE
                except Refused:
                    return False

            eventually(answered, what="the client to try again")
        assert refused(client) == Refusal.UNAVAILABLE


def test_somebody_else_at_the_address_is_no_compressor(sidecar: RunningSidecar) -> None:
    client = LinguaClient(f"{sidecar.url}/elsewhere", most_in_flight=1)
    assert refused(client) == Refusal.UNAVAILABLE
