"""Keys that follow their files."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import VirtualKeys
from litellm_plugins.virtual_keys.key_ring import hash_of
from litellm_plugins.virtual_keys.live_keys import CHECKED_EVERY_S, LiveKeys

SECRET = "sk-lp-somebodys-secret"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "hash": f"sha256:{hash_of(name)}"} | more


class World:
    """A config and a keys file, and the keys that they make."""

    def __init__(self, folder: Path, *, inline: list[dict[str, Any]], filed: list[dict[str, Any]]) -> None:
        self.file, self.config = folder / "keys.yaml", folder / "config.yaml"
        self.clock = Clock()
        self.write(filed)
        self.write_config(inline)
        block = VirtualKeys.model_validate({"file": str(self.file), "keys": inline})
        self.keys = LiveKeys(block, config=self.config, clock=self.clock)

    def write(self, keys: object) -> None:
        self.file.write_text(keys if isinstance(keys, str) else yaml.safe_dump({"keys": keys}))

    def write_config(self, keys: object) -> None:
        block = {"virtual_keys": {"file": str(self.file), "keys": keys}}
        self.config.write_text(yaml.safe_dump({"callback_settings": {"litellm_plugins": block}}))

    async def states(self, *names: str) -> str:
        """`a` for an active key, `r` for a revoked one, `-` for an unknown one, after the next look."""
        self.clock.now += CHECKED_EVERY_S
        found = [await self.keys.find(name) for name in names]
        return "".join("-" if one is None else "r" if one.key.revoked else "a" for one in found)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, inline=[entry("inline")], filed=[entry("ann"), entry("bob")])


async def test_keys_are_added_revoked_and_removed_by_the_file(world: World) -> None:
    assert await world.states("inline", "ann", "bob", "eve") == "aaa-"
    world.write([entry("ann", revoked=True), entry("eve")])
    assert await world.states("inline", "ann", "bob", "eve") == "ar-a"


async def test_keys_are_added_revoked_and_removed_by_the_config(world: World) -> None:
    world.write_config([entry("inline", revoked=True), entry("eve")])
    assert await world.states("inline", "eve", "ann") == "raa"
    world.write_config([])
    assert await world.states("inline", "eve", "ann") == "--a"


async def test_nobody_looks_more_often_than_said(world: World) -> None:
    assert await world.states("ann") == "a"
    world.write([])
    world.clock.now += CHECKED_EVERY_S * 0.9
    assert await world.keys.find("ann") is not None
    assert await world.states("ann") == "-"


async def test_all_who_come_while_a_change_is_read_wait_for_it(world: World) -> None:
    world.write([])
    world.clock.now += CHECKED_EVERY_S
    assert await asyncio.gather(*(world.keys.find("ann") for _ in range(20))) == [None] * 20


async def test_a_client_that_goes_away_does_not_end_the_reading(world: World) -> None:
    world.write([])
    world.clock.now += CHECKED_EVERY_S
    first, second = asyncio.create_task(world.keys.find("ann")), asyncio.create_task(world.keys.find("ann"))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second is None


async def test_a_file_put_in_place_with_the_same_size_and_time_is_seen(world: World) -> None:
    """As `mv` and a Kubernetes ConfigMap do it."""
    before = world.file.stat()
    other = world.file.with_name("next")
    other.write_text(world.file.read_text().replace("ann", "eve").replace(hash_of("ann"), hash_of("eve")))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(world.file)
    assert world.file.stat().st_size == before.st_size
    assert await world.states("ann", "eve") == "-a"


BROKEN = {
    "no YAML": "keys: [{name: ann",
    "empty": "",
    "half": "keys:\n  - name: ann\n",
    "a list": "- name: ann\n",
    "no UTF-8": "keys: \udcff",
    "nested without end": "- " * 100_000,
    "nested in itself": "keys: &a [*a]",
    "an unknown name": yaml.safe_dump({"keys": [entry("eve", modles=["small"])]}),
    "a date that there is not": f"keys: [{{name: eve, hash: 'sha256:{hash_of('eve')}', expires: 2030-02-31}}]",
    "an unknown team": yaml.safe_dump({"keys": [entry("eve", team="t")]}),
    "a name of the config's": yaml.safe_dump({"keys": [entry("eve"), entry("inline")]}),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_file_keeps_the_last_good_keys_and_says_so_once(
    world: World, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    world.write([entry("ann"), entry("bob", revoked=True)])
    assert await world.states("ann", "bob") == "ar"
    world.file.write_bytes(broken.encode(errors="surrogateescape"))
    caplog.clear()
    assert await world.states("inline", "ann", "bob", "eve") == "aar-"
    os.utime(world.file)
    assert await world.states("ann") == "a"
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert str(world.file) in record.getMessage()
    assert "the last good ones stay in force" in record.getMessage()

    world.write([entry("eve")])
    assert await world.states("ann", "bob", "eve") == "--a"


async def test_a_file_that_is_gone_is_a_broken_one(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.file.unlink()
    assert await world.states("ann", "inline") == "aa"
    assert f"{world.file}: cannot be read: No such file" in caplog.text


async def test_a_broken_config_hinders_no_change_of_the_file(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.config.write_text("model_list: [")
    world.write([entry("eve")])
    assert await world.states("inline", "ann", "eve") == "a-a"
    assert f"{world.config}: is not YAML" in caplog.text
    world.config.write_text("{}")
    assert await world.states("inline") == "a"
    assert f"{world.config}: there is no block" in caplog.text


async def test_what_a_broken_file_takes_back_stays_out_however_it_breaks_next(world: World) -> None:
    """A revocation beside a slip of the pen is a revocation."""
    world.write([entry("ann", revoked=True), entry("bob", modles=["small"])])
    assert await world.states("ann", "bob") == "ra"
    world.write("keys: [")
    assert await world.states("ann", "bob") == "ra"
    world.file.unlink()
    assert await world.states("ann", "bob") == "ra"
    world.write([entry("ann"), entry("bob")])
    assert await world.states("ann", "bob") == "aa"


async def test_a_key_pasted_into_the_file_is_in_no_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    wrong = [
        yaml.safe_dump({"keys": [{"name": "eve", "hash": SECRET}]}),
        f"keys: [{SECRET}",
        f"keys: *{SECRET}",
        f"keys: !{SECRET} x",
        yaml.safe_dump({"keys": [{"name": "eve", SECRET: 1}]}),
    ]
    for each in wrong:
        world.write(each)
        await world.states("ann")
    assert len(caplog.records) == len(wrong)
    assert SECRET not in caplog.text


def test_a_start_with_a_broken_file_is_refused(tmp_path: Path) -> None:
    """Nothing good was ever read."""
    file = tmp_path / "keys.yaml"
    for content in (None, "keys: [", yaml.safe_dump({"keys": [entry("a", team="t")]})):
        if content is not None:
            file.write_text(content)
        with pytest.raises(SettingsError, match=r"keys\.yaml"):
            LiveKeys(VirtualKeys(file=str(file)))


async def test_keys_that_the_config_file_does_not_hold_stay_as_they_were_given(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They come from an included file: what the config itself says cannot be compared."""
    config = tmp_path / "config.yaml"
    config.write_text("include: [more.yaml]")
    clock = Clock()
    keys = LiveKeys(VirtualKeys.model_validate({"keys": [entry("a")]}), config=config, clock=clock)
    assert "is not read again" in caplog.text
    config.write_text("{}")
    clock.now += 1
    assert await keys.find("a") is not None
