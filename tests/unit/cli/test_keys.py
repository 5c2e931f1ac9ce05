"""`litellm-plugins keys`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from litellm_plugins.cli import main
from litellm_plugins.settings import VirtualKeys
from litellm_plugins.virtual_keys.key_ring import KeyRing, hash_of
from tests.unit.cli.config import KEYS, SECRET, config, write


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments])


def pasted(entry: str) -> list[dict[str, Any]]:
    """What stands under `keys:` once the printed line is pasted there."""
    lines = "".join(f"      {line}\n" for line in entry.splitlines())
    parsed = yaml.safe_load(f"virtual_keys:\n    keys:\n{lines}")
    found: list[dict[str, Any]] = parsed["virtual_keys"]["keys"]
    return found


def test_a_new_key_is_printed_once_and_its_entry_holds_the_hash_only() -> None:
    """The secret on stdout, so that it can be piped into a safe place; it is written nowhere."""
    result = keys("new", "--name", "chat", "--team", "support", "--user", "ann", "--model", "small", "--model", "large")
    assert result.exit_code == 0
    secret, entry = result.stdout.splitlines()
    assert secret.startswith("sk-lp-")
    assert result.output.count(secret) == 1
    (parsed,) = pasted(entry)
    assert parsed | {"hash": ""} == {
        "name": "chat",
        "hash": "",
        "team": "support",
        "user": "ann",
        "models": ["small", "large"],
    }
    assert secret not in entry


def test_the_entry_of_a_new_key_lets_its_secret_in() -> None:
    """Pasted as it was printed, checked as the proxy checks it."""
    result = keys("new", "--name", "chat")
    secret, entry = result.stdout.splitlines()
    ring = KeyRing.of(VirtualKeys.model_validate({"keys": pasted(entry)}))
    found = ring.find(secret)
    assert found is not None
    assert found.key.name == "chat"


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "a: b",
        "- a",
        "{a}",
        "'",
        '"',
        "#1",
        "yes",
        "null",
        "1e3",
        "ünï",
        "🔑",
        "a, b",
        "x" * 2_000,
        "a\nb",
        "@a",
        "&a",
        "*a",
    ],
)
def test_a_key_of_any_name_parses_back_to_that_name(name: str) -> None:
    """YAML has many ways to take a word for something else."""
    result = keys("new", "--name", name, "--team", name, "--model", name)
    secret, _, entry = result.stdout.partition("\n")
    (parsed,) = pasted(entry)
    assert (parsed["name"], parsed["team"], parsed["models"]) == (name, name, [name])
    assert secret not in entry


def test_every_new_key_is_another() -> None:
    """No seed, no reuse."""
    assert len({keys("new", "--name", "a").stdout for _ in range(5)}) == 5


def test_a_new_key_needs_a_name() -> None:
    """Else nobody knows whose it was when it leaks."""
    result = keys("new")
    assert result.exit_code == 2
    assert "--name" in result.stderr


def test_json_gives_secret_and_entry_to_a_program() -> None:
    """And nothing else on stdout."""
    told = json.loads(keys("new", "--name", "chat", "--team", "support", "--json").stdout)
    assert told.keys() == {"secret", "entry"}
    ring = KeyRing.of(VirtualKeys.model_validate({"teams": [{"id": "support"}], "keys": [told["entry"]]}))
    assert ring.find(told["secret"]) is not None


def test_the_list_names_keys_teams_and_models_and_nothing_to_break_in_with(tmp_path: Path) -> None:
    """Of the hashes the beginning, to tell keys apart: the list is for a screen that others see."""
    path = write(tmp_path, config({"virtual_keys": KEYS}))
    result = keys("list", "--config", path)
    assert result.exit_code == 0
    chat, batch = result.stdout.splitlines()
    ids = [hash_of(secret)[:8] for secret in (SECRET, "other")]
    assert chat.split() == ["chat", ids[0], "active", "team", "support", "models", "as", "the", "team"]
    assert batch.split() == ["batch", ids[1], "active", "team", "-", "models", "small,", "large"]
    assert SECRET not in result.output
    assert hash_of(SECRET) not in result.output
    rows = json.loads(keys("list", "--config", path, "--json").stdout)
    unlimited = dict.fromkeys(("expires", "rpm_limit", "tpm_limit", "max_parallel_requests"))
    common = {"state": "active", "in": "config", **unlimited}
    assert rows == [
        {"name": "chat", "id": ids[0], "team": "support", "user": "ann", "models": [], **common},
        {"name": "batch", "id": ids[1], "team": None, "user": None, "models": ["small", "large"], **common},
    ]


def test_a_config_without_keys_lists_none(tmp_path: Path) -> None:
    """Said on stderr: stdout stays empty, or an empty list."""
    blocks: tuple[dict[str, Any] | None, ...] = (None, {})
    for ours in blocks:
        path = write(tmp_path, config(ours))
        result = keys("list", "--config", path)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "no keys" in result.stderr
        assert json.loads(keys("list", "--config", path, "--json").stdout) == []


def test_a_wrong_config_is_told_and_no_traceback(tmp_path: Path) -> None:
    """With the same words as `check`."""
    result = keys("list", "--config", write(tmp_path, config({"cahce": {}})))
    assert result.exit_code == 1
    assert "did you mean cache?" in result.stderr
