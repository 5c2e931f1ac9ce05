"""The database is taken away under a running proxy: every request is still answered, and it is told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.support import Keys, Provider, RunningProxy, eventually
from tests.support.fixtures import new_question

FAILURES = "litellm_plugins_stage_failures_total"


@pytest.fixture
def failing(sturdy_proxy: RunningProxy) -> Iterator[RunningProxy]:
    """The proxy; afterwards it must have told of failures, in a metric and in the log."""
    before = sturdy_proxy.metrics().value(FAILURES)
    yield sturdy_proxy
    assert sturdy_proxy.metrics().value(FAILURES) > before
    assert '"stage_failed"' in sturdy_proxy.log()


def test_a_deleted_database_is_begun_anew(failing: RunningProxy, provider: Provider, keys: Keys, question: str) -> None:
    failing.teach(keys.support, question)
    for part in failing.database.parent.glob(failing.database.name + "*"):
        part.unlink()

    _every_request_is_answered(failing, keys)
    _storing_resumes(failing, keys)
    assert failing.database.exists()
    assert "store_file_gone" in failing.log()


def test_a_deleted_database_file_whose_journal_stayed_is_begun_anew(failing: RunningProxy, keys: Keys) -> None:
    """What an admin deletes is the file whose name they know; SQLite's `-wal` beside it stays."""
    failing.teach(keys.support, new_question())
    failing.database.unlink()

    _every_request_is_answered(failing, keys)
    _storing_resumes(failing, keys)


def test_a_read_only_database_still_serves_what_it_has(
    failing: RunningProxy, provider: Provider, keys: Keys, question: str
) -> None:
    known = failing.teach(keys.support, question)
    failing.database.chmod(0o444)
    try:
        _every_request_is_answered(failing, keys)
        hit = failing.ask(keys.support, question)
        assert (hit.cache, hit.body.id) == ("exact", known.body.id)
        reason = "store_read_only"
        eventually(lambda: failing.metrics().value(FAILURES, stage="store", reason=reason) > 0, what=reason)
        assert reason in failing.log()
    finally:
        failing.database.chmod(0o600)
    _storing_resumes(failing, keys)


def test_a_data_folder_that_is_gone_is_made_again(failing: RunningProxy, keys: Keys) -> None:
    failing.teach(keys.support, new_question())
    shutil.rmtree(failing.database.parent)

    _every_request_is_answered(failing, keys)
    _storing_resumes(failing, keys)


def test_a_data_folder_that_cannot_be_made_costs_nothing_but_the_cache(failing: RunningProxy, keys: Keys) -> None:
    data = failing.database.parent
    shutil.rmtree(data)
    data.write_text("a file where the folder should be", encoding="utf-8")
    try:
        _every_request_is_answered(failing, keys)
        _every_request_is_answered(failing, keys)
    finally:
        data.unlink()
    _storing_resumes(failing, keys)


def test_a_database_that_was_damaged_while_the_proxy_was_down_is_set_aside(
    sturdy_proxy: RunningProxy, keys: Keys
) -> None:
    sturdy_proxy.teach(keys.support, new_question())
    sturdy_proxy.stop()
    assert "Traceback" not in sturdy_proxy.log()
    for part in sturdy_proxy.database.parent.glob(sturdy_proxy.database.name + "*"):
        part.unlink()
    sturdy_proxy.database.write_bytes(b"this is no database " * 1_000)
    sturdy_proxy.start()

    _every_request_is_answered(sturdy_proxy, keys)
    _storing_resumes(sturdy_proxy, keys)
    assert list(sturdy_proxy.database.parent.glob("*.corrupt-*"))
    assert sturdy_proxy.metrics().value(FAILURES, reason="store_unavailable") > 0
    assert "store_corrupt" in sturdy_proxy.log()


def _every_request_is_answered(proxy: RunningProxy, keys: Keys) -> None:
    for route in ("v1", "host"):
        assert proxy.ask(keys.support, new_question(), route=route).text
        assert proxy.ask_streamed(keys.support, new_question(), route=route).text


def _storing_resumes(proxy: RunningProxy, keys: Keys) -> None:
    """Within a few requests, without a restart."""
    question = new_question()
    eventually(lambda: proxy.ask(keys.support, question).cache == "exact", what="storing to resume", every_s=0.2)
