"""Sessions and tokens, on a real file: who opens what, until when, and what a store's reader could do with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from litellm_plugins.errors import NotFound
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.ui.attempts import Attempts
from litellm_plugins.ui.backends.sqlite import SCHEMA, SqlitePasses
from litellm_plugins.ui.door import Door, NoMasterKey
from litellm_plugins.ui.passes import Kind, Pass, Role
from litellm_plugins.ui.teams import Team

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


class World:
    """A clock and a master key that a test changes."""

    def __init__(self, file: SqliteFile) -> None:
        self.now_ms, self.master = 1_000_000, "sk-master"
        self.door = Door(
            SqlitePasses(file), master_key=lambda: self.master, clock_ms=lambda: self.now_ms, session_ms=HOUR_MS
        )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    file = SqliteFile(tmp_path / "ui.db", schema=SCHEMA)
    yield World(file)
    await file.aclose()


async def test_a_session_ends_when_its_time_is_over(world: World) -> None:
    opened = await world.door.open_for_admin("ada")
    found = await world.door.who(opened.secret)
    assert found is not None
    assert (found.role, found.team, found.by) == (Role.ADMIN, "", "ada")
    world.now_ms += HOUR_MS
    assert await world.door.who(opened.secret) is None


async def test_a_token_opens_a_session_of_its_team_and_is_none_itself(world: World) -> None:
    handed = await world.door.hand_out(Team("t-1", "sales"), days=1, by="ada")
    opened = await world.door.open_with(handed.secret)
    assert opened is not None
    assert (opened.kept.role, opened.kept.team, opened.kept.team_id) == (Role.TEAM, "sales", "t-1")
    assert await world.door.who(handed.secret) is None
    assert await world.door.open_with(opened.secret) is None
    assert await world.door.open_with("lpui-" + "x" * 43) is None


async def test_a_tokens_session_is_no_longer_than_the_token(world: World) -> None:
    handed = await world.door.hand_out(Team("t-1", "sales"), days=1, by="ada")
    world.now_ms += DAY_MS - 1_000
    opened = await world.door.open_with(handed.secret)
    assert opened is not None
    assert opened.kept.until_ms == handed.kept.until_ms
    world.now_ms += 1_000
    assert await world.door.open_with(handed.secret) is None


async def test_a_token_that_is_taken_back_ends_its_sessions(world: World) -> None:
    handed = await world.door.hand_out(Team("t-1", "sales"), days=1, by="ada")
    opened = await world.door.open_with(handed.secret)
    assert opened is not None
    assert [each.id for each in await world.door.tokens()] == [handed.kept.id]
    await world.door.take_back(handed.kept.id)
    assert await world.door.who(opened.secret) is None
    assert await world.door.tokens() == []
    with pytest.raises(NotFound):
        await world.door.take_back(handed.kept.id)


async def test_a_session_is_no_token_to_be_taken_back(world: World) -> None:
    opened = await world.door.open_for_admin("ada")
    with pytest.raises(NotFound):
        await world.door.take_back(opened.kept.id)


async def test_another_master_key_ends_everything(world: World) -> None:
    handed, opened = (
        await world.door.hand_out(Team("t-1", "sales"), days=1, by="ada"),
        await world.door.open_for_admin("ada"),
    )
    world.master = "sk-another"
    assert await world.door.open_with(handed.secret) is None
    assert await world.door.who(opened.secret) is None


async def test_without_a_master_key_nobody_gets_in(world: World) -> None:
    world.master = ""
    with pytest.raises(NoMasterKey):
        await world.door.open_for_admin("ada")


async def test_the_store_holds_no_secret(world: World, tmp_path: Path) -> None:
    secrets = [
        (await world.door.hand_out(Team("t-1", "sales"), days=1, by="ada")).secret,
        (await world.door.open_for_admin("a")).secret,
    ]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: ASYNC240 - nothing else waits here
    assert b"sales" in kept
    assert not [secret for secret in secrets if secret.removeprefix("lpui-").encode() in kept]


def test_a_forms_word_is_its_cookies_own(world: World) -> None:
    word = world.door.form_word("cookie")
    assert world.door.is_form_word("cookie", word)
    assert not world.door.is_form_word("another", word)
    assert not world.door.is_form_word("cookie", "")
    assert not world.door.is_form_word("cookie", "\ud800é")


def test_a_pass_of_a_team_names_it_and_an_admins_names_none() -> None:
    for role, team in ((Role.TEAM, ""), (Role.ADMIN, "sales")):
        with pytest.raises(ValueError, match="names its team"):
            Pass("1", Kind.SESSION, role, team, "ada", 0, 1)


def test_who_guesses_waits_longer_each_time_and_others_do_not() -> None:
    now = 0.0
    attempts = Attempts(clock=lambda: now)
    waits = []
    for _ in range(10):
        attempts.failed("a")
        waits.append(attempts.wait_s("a"))
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert attempts.wait_s("b") == 0
    now = 61.0
    assert attempts.wait_s("a") == 0
    now = 2_000.0
    attempts.failed("a")
    assert attempts.wait_s("a") == 0  # long forgotten


def test_who_knows_begins_anew() -> None:
    attempts = Attempts(clock=lambda: 0.0)
    for _ in range(5):
        attempts.failed("a")
    attempts.succeeded("a")
    assert attempts.wait_s("a") == 0


async def test_a_token_from_before_ids_were_kept_opens_nothing_and_can_be_revoked(tmp_path: Path) -> None:
    path, handed = tmp_path / "old.db", "lpui-old"
    old = SqliteFile(path, schema=SCHEMA[:1])
    pass_id = World(old).door._id(handed)
    row = (pass_id, "token", "team", "sales", "ada", 0, DAY_MS, "")
    await old.write(lambda db: db.execute("INSERT INTO ui_passes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row))
    await old.aclose()

    file = SqliteFile(path, schema=SCHEMA)
    world = World(file)
    assert [each.id for each in await world.door.tokens()] == [pass_id]
    assert await world.door.open_with(handed) is None
    assert (await world.door.take_back(pass_id)).team == "sales"
    await file.aclose()
