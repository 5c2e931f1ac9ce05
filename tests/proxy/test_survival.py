"""What is stored stays, whatever happens to the process, and whoever else opens the file."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing

import openai

from tests.support import Keys, Provider, RunningProxy
from tests.support.fixtures import new_question


def test_answers_outlive_a_kill_under_load(sturdy_proxy: RunningProxy, provider: Provider, keys: Keys) -> None:
    taught = {question: sturdy_proxy.teach(keys.support, question).body.id for question in _questions(5)}
    answered, errors = _load_until_killed(sturdy_proxy, keys)

    sturdy_proxy.start()

    assert errors == []
    for question, answer_id in {**taught, **answered}.items():
        again = sturdy_proxy.ask(keys.support, question)
        assert (again.cache, again.body.id) == ("exact", answer_id)
        assert provider.times_asked(question) == 1
    assert sturdy_proxy.teach(keys.support, new_question()).cache == "miss"
    with closing(sqlite3.connect(sturdy_proxy.database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert "stage_failed" not in sturdy_proxy.log()
    assert "store_corrupt" not in sturdy_proxy.log()


def test_somebody_who_looks_into_the_database_does_no_harm(
    sturdy_proxy: RunningProxy, keys: Keys, question: str
) -> None:
    """The last to close an SQLite file removes its log; a reader must not take itself for the last."""
    sturdy_proxy.teach(keys.support, new_question())
    with closing(sqlite3.connect(sturdy_proxy.database)) as db:
        assert db.execute("SELECT count(*) FROM cache_entries").fetchone() > (0,)

    sturdy_proxy.teach(keys.support, question)
    assert sturdy_proxy.ask(keys.support, question).cache == "exact"


def _load_until_killed(proxy: RunningProxy, keys: Keys) -> tuple[dict[str, str], list[Exception]]:
    """Questions that were answered a second or more before the kill, and what went wrong before it."""
    answered: dict[str, tuple[float, str]] = {}
    errors: list[Exception] = []
    killed = threading.Event()

    def ask() -> None:
        while not killed.is_set():
            question = new_question()
            try:
                answer = proxy.ask(keys.support, question)
            except openai.APIConnectionError:
                return  # this is the kill
            except Exception as exc:  # noqa: BLE001 - whatever it is, the test shows it
                errors.append(exc)
                return
            answered[question] = time.monotonic(), answer.body.id

    proxy.client(keys.support)  # made once, not by four threads
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(3)  # some load
    killed_at = time.monotonic()
    proxy.kill()
    killed.set()
    for thread in threads:
        thread.join(30)
    return {q: answer_id for q, (at, answer_id) in answered.items() if killed_at - at > 1}, errors


def _questions(count: int) -> list[str]:
    return [new_question() for _ in range(count)]
