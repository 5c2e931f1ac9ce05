"""Virtual keys that change while the proxy runs: in a file of their own, over two workers, without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner

from litellm_plugins.cli import main
from litellm_plugins.virtual_keys.key_ring import hash_of, new_secret
from litellm_plugins.virtual_keys.live_keys import CHECKED_EVERY_S
from tests.support import Provider, RunningProxy, eventually, proxy_config
from tests.support.config import PACK
from tests.support.workers import ask_each_worker, on_each_worker

WITHIN_S = 1.0  # of a change, every worker goes by it


class KeysOnFile:
    """The keys file of a running proxy."""

    def __init__(self, proxy: RunningProxy) -> None:
        self.proxy = proxy
        self.path = proxy.folder / "keys.yaml"
        self.entries: list[dict[str, Any]] = []

    def add(self, name: str, **more: Any) -> str:
        """The secret of a new key."""
        secret = new_secret()
        self.entries.append({"name": name, "hash": f"sha256:{hash_of(secret)}", **more})
        self.write()
        return secret

    def change(self, name: str, **more: Any) -> None:
        for entry in self.entries:
            if entry["name"] == name:
                entry.update(more)
        self.write()

    def write(self) -> None:
        self.path.write_text(yaml.safe_dump({"keys": self.entries}))

    def cli(self, *arguments: str) -> str:
        result = CliRunner().invoke(main, ["keys", *arguments, "--file", str(self.path)])
        assert result.exit_code == 0, result.output
        return result.stdout

    def answers(self, secret: str) -> list[int]:
        """The status code of each of the two workers."""
        return [each.status_code for each in ask_each_worker(self.proxy, "GET", "/v1/models", secret)]

    def ask(self, secret: str, path: str = "/v1/models", **body: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {secret}", "connection": "close"}
        with httpx.Client(base_url=self.proxy.url, trust_env=False, timeout=30, headers=headers) as client:
            return client.post(path, json=body) if body else client.get(path)

    def settled(self, secret: str) -> list[int]:
        """The same once every worker looks at the file again: well within a second."""
        time.sleep(CHECKED_EVERY_S)
        return self.answers(secret)


@pytest.fixture(scope="module")
def on_file(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeysOnFile]:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "keys.yaml").write_text("keys: []\n")
    config = proxy_config(provider.url, pack={"virtual_keys": {"file": "./keys.yaml"}})
    with RunningProxy(config, folder, provider_url=provider.url, num_workers=2) as proxy:
        yield KeysOnFile(proxy)


def test_a_key_that_is_added_works_and_one_that_is_revoked_does_not_within_a_second(on_file: KeysOnFile) -> None:
    secret, other = on_file.add("ann"), on_file.add("bob")
    assert on_file.settled(secret) == [200, 200]
    read_before = on_file.proxy.log().count("virtual keys: read again")
    on_file.change("ann", revoked=True)
    assert on_file.settled(secret) == [401, 401]
    assert on_file.proxy.log().count("virtual keys: read again") == read_before + 2, "both workers were asked"
    assert "This API key is revoked." in on_file.ask(secret).json()["error"]["message"]
    assert on_file.answers(other) == [200, 200]


def test_a_key_under_load_is_refused_by_both_workers_within_a_second(on_file: KeysOnFile) -> None:
    """Asked for all the time, so that whatever is remembered of a key would be remembered."""
    secret = on_file.add("busy")
    assert on_file.settled(secret) == [200, 200]
    on_file.change("busy", revoked=True)
    last_served = revoked_at = time.monotonic()
    while time.monotonic() < revoked_at + 3:
        began = time.monotonic()
        if 200 in on_file.answers(secret):
            last_served = began
    assert last_served - revoked_at < WITHIN_S


def test_a_key_that_is_taken_out_of_the_file_is_unknown(on_file: KeysOnFile) -> None:
    secret = on_file.add("gone")
    assert on_file.settled(secret) == [200, 200]
    on_file.entries = [each for each in on_file.entries if each["name"] != "gone"]
    on_file.write()
    assert on_file.settled(secret) == [401, 401]
    assert "Incorrect API key" in on_file.ask(secret).json()["error"]["message"]


def test_a_key_ends_with_its_expiry_though_nothing_is_read(on_file: KeysOnFile) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=15)
    secret = on_file.add("short", expires=ends.isoformat())
    time.sleep(CHECKED_EVERY_S)
    assert on_file.answers(secret) == [200, 200]
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()))
    assert on_file.answers(secret) == [401, 401]
    assert "This API key expired at 20" in on_file.ask(secret).json()["error"]["message"]


def test_a_blocked_key_is_refused_until_it_is_no_longer_blocked(on_file: KeysOnFile) -> None:
    secret = on_file.add("switched", blocked=True)
    assert on_file.settled(secret) == [401, 401]
    assert "This API key is blocked." in on_file.ask(secret).json()["error"]["message"]
    on_file.change("switched", blocked=False)
    assert on_file.settled(secret) == [200, 200]


BROKEN: dict[str, Callable[[Path], object]] = {
    "cut off": lambda path: path.write_text("keys: [{name: "),
    "emptied": lambda path: path.write_text(""),
    "gone": lambda path: path.unlink(),
    "a fault in it": lambda path: path.write_text("keys: [{name: x, hash: sk-lp-PASTED-BY-MISTAKE}]"),
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_breaks_keeps_the_good_keys_good_and_the_revoked_ones_out(
    on_file: KeysOnFile, spoil: Callable[[Path], object]
) -> None:
    name = f"key {time.monotonic_ns()}"
    good, revoked = on_file.add(name), on_file.add(f"{name}, revoked")
    on_file.change(f"{name}, revoked", revoked=True)
    assert (on_file.settled(good), on_file.answers(revoked)) == ([200, 200], [401, 401])
    told_before = on_file.proxy.log().count("the last good ones stay in force")
    spoil(on_file.path)
    assert (on_file.settled(good), on_file.answers(revoked)) == ([200, 200], [401, 401])
    told = on_file.proxy.log().count("the last good ones stay in force") - told_before
    assert told == 2, "each worker says so once"
    assert "keys.yaml" in on_file.proxy.log()
    assert "PASTED-BY-MISTAKE" not in on_file.proxy.log()

    on_file.write()
    fresh = on_file.add(f"{name}, fresh")
    assert (on_file.settled(fresh), on_file.answers(revoked)) == ([200, 200], [401, 401])


def test_the_keys_of_the_config_file_follow_it_too(on_file: KeysOnFile, provider: Provider) -> None:
    proxy = on_file.proxy
    secret = new_secret()
    config = yaml.safe_load(proxy.config_path.read_text())
    inline = config["callback_settings"][PACK]["virtual_keys"]["keys"]
    inline.append({"name": "in the config", "hash": f"sha256:{hash_of(secret)}"})
    assert on_file.answers(secret) == [401, 401]
    proxy.config_path.write_text(yaml.safe_dump(config))
    assert on_file.settled(secret) == [200, 200]
    inline[-1]["revoked"] = True
    proxy.config_path.write_text(yaml.safe_dump(config))
    assert on_file.settled(secret) == [401, 401]


def test_a_key_made_and_revoked_on_the_command_line_needs_no_restart(on_file: KeysOnFile) -> None:
    secret = on_file.cli("new", "--name", "made", "--model", "gpt-4.1-mini", "--write").strip()
    assert on_file.settled(secret) == [200, 200]
    hello = {"messages": [{"role": "user", "content": "Hello"}]}
    assert on_file.ask(secret, "/v1/chat/completions", model="gpt-4.1-mini", **hello).status_code == 200
    assert on_file.ask(secret, "/v1/chat/completions", model="gpt-4.1", **hello).status_code in {401, 403}
    on_file.cli("revoke", "made")
    assert on_file.settled(secret) == [401, 401]
    on_file.entries = yaml.safe_load(on_file.path.read_text())["keys"]


def test_the_limit_on_requests_of_a_key_changes_with_the_file(on_file: KeysOnFile) -> None:
    """The host counts, by worker where no Redis joins them; what we say is how many."""
    secret = on_file.add("limited", rpm_limit=1)
    time.sleep(CHECKED_EVERY_S)
    headers = {"authorization": f"Bearer {secret}"}
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}

    def served() -> list[int]:
        """Of four requests to each worker."""
        with on_each_worker(on_file.proxy, clients=4) as found:
            answers = [
                [client.post("/v1/chat/completions", headers=headers, json=body).status_code for client in clients]
                for clients in found.values()
            ]
        return [codes.count(200) for codes in answers]

    assert served() == [1, 1]
    on_file.change("limited", rpm_limit=1_000)
    eventually(lambda: served() == [4, 4], what="the limit to be lifted", timeout_s=5)
