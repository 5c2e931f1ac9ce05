"""`litellm-plugins keys` with a keys file: adding, revoking, listing."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from litellm_plugins.cli import main
from litellm_plugins.settings import VirtualKeys
from litellm_plugins.virtual_keys.key_ring import KeyRing, KeyState, hash_of
from litellm_plugins.virtual_keys.reading import read_keys
from tests.unit.cli.config import KEYS, SECRET, config, write


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments])


def done(*arguments: str) -> str:
    result = keys(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def new(file: Path, name: str, *more: str) -> str:
    """The secret of a new key in `file`."""
    return done("new", "--name", name, "--write", "--file", str(file), *more).strip()


def refused(*arguments: str) -> str:
    result = keys(*arguments)
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)
    return result.stderr


def state(file: Path, secret: str) -> KeyState | None:
    filed = read_keys(file)
    holder = KeyRing.of(VirtualKeys(file=str(file), teams=filed.teams, keys=filed.keys)).find(secret)
    return holder.state(datetime.now(UTC)) if holder else None


def test_a_new_key_is_written_into_a_file_that_only_its_owner_reads(file: Path) -> None:
    first, second = new(file, "ann"), new(file, "bob", "--rpm-limit", "10")
    assert (state(file, first), state(file, second)) == (KeyState.ACTIVE, KeyState.ACTIVE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [key.name for key in read_keys(file).keys] == ["ann", "bob"]
    assert list(file.parent.iterdir()) == [file]


def test_everything_that_a_key_may_be_given_is_in_its_entry(file: Path) -> None:
    more = ("--model", "small", "--rpm-limit", "10", "--tpm-limit", "1000", "--max-parallel-requests", "2")
    meant = ("--expires", "2030-01-31", "--tag", "batch", "--metadata", '{"cost_center": "17"}', "--user", "ann")
    new(file, "a", *more, *meant)
    (key,) = read_keys(file).keys
    assert (key.models, key.rpm_limit, key.tpm_limit, key.max_parallel_requests) == (("small",), 10, 1000, 2)
    assert (key.user, key.metadata) == ("ann", {"cost_center": "17", "tags": ["batch"]})
    assert key.expires is not None
    assert key.expires.date().isoformat() == "2030-01-31"


@pytest.mark.parametrize(("span", "hours"), [("12h", 12), ("30d", 720)])
def test_an_end_may_be_told_from_now_on(file: Path, span: str, hours: int) -> None:
    new(file, "a", "--expires", span)
    (key,) = read_keys(file).keys
    assert key.expires is not None
    assert abs(key.expires - datetime.now(UTC) - timedelta(hours=hours)) < timedelta(minutes=5)


COMMENTED = """\
# Who may ask. Reviewed on Mondays.
teams:
  - {id: support, models: [small]} # first line
keys:
  # the shop
  - name: web  # blue
    hash: sha256:WEB
    models:
      - small # only
  # the night shift
  - {name: night, hash: "sha256:NIGHT", team: support} # until May
  # nothing below
"""


def commented(file: Path) -> None:
    file.write_text(COMMENTED.replace("WEB", hash_of("web")).replace("NIGHT", hash_of("night")))


def test_adding_and_revoking_keep_every_comment_and_line(file: Path) -> None:
    commented(file)
    before = file.read_text().splitlines()
    secret = new(file, "ann", "--expires", "2030-01-31T18:00:00+01:00")
    done("revoke", "web", "--file", str(file))
    done("revoke", "night", "--file", str(file))
    after = file.read_text().splitlines()
    comments = [line.partition("#")[2] for line in before if "#" in line]
    assert [line.partition("#")[2] for line in after if "#" in line] == comments
    assert len(after) == len(before) + 2, "one entry and one mark more; the other mark is within its line"
    assert [state(file, each) for each in ("web", "night", secret)] == ["revoked", "revoked", "active"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only words\n",
        "keys: []\n",
        "keys: [] # none yet\n",
        "keys:\n",
        "teams: [{id: t}]\n",
        "keys: [{name: a, hash: 'sha256:A'}]\n",
        "keys: [{name: a, hash: 'sha256:A',}, ]\n",
        "keys:\n- name: a\n  hash: sha256:A",
        "keys:\n    -   hash: sha256:A\n        name: >-\n          a\n    # end\n\nteams:\n  - id: t\n",
        "keys:\n  - &a {name: a, hash: 'sha256:A', metadata: {x: 1}}\nteams:\n  - {id: t, metadata: *m}\n",
        "{keys: [{name: a, hash: 'sha256:A'}]}",
        "keys:\r\n  - name: a\r\n    hash: sha256:A\r\n",
        "---\nkeys:\n  - {name: a, hash: 'sha256:A', revoked: false}\n",
    ],
)
def test_a_file_of_any_layout_is_added_to_and_revoked_in(file: Path, text: str) -> None:
    """Where it cannot be done without losing the comments, that is said, and it is done."""
    text = text.replace("*m", "{}").replace("sha256:A", f"sha256:{hash_of('a')}")
    file.write_text(text.replace("keys:\n", "keys: []\n") if text == "keys:\n" else text)
    had = [key.name for key in read_keys(file).keys] if yaml.safe_load(text) and text != "keys:\n" else []
    secret = new(file, "new")
    assert [key.name for key in read_keys(file).keys] == [*had, "new"]
    for name in (*had, "new"):
        done("revoke", name, "--file", str(file))
    assert state(file, secret) is KeyState.REVOKED
    assert not had or state(file, "a") is KeyState.REVOKED


def test_what_cannot_keep_its_comments_says_so(file: Path) -> None:
    file.write_text(f"{{keys: [{{name: a, hash: 'sha256:{hash_of('a')}',}}]}} # mine\n")
    result = keys("revoke", "a", "--file", str(file))
    assert result.exit_code == 0
    assert "the comments in it are lost" in result.stdout
    assert state(file, "a") is KeyState.REVOKED


def test_a_key_is_revoked_by_name_hash_prefix_or_secret(file: Path) -> None:
    secrets = [new(file, name) for name in ("one", "two", "three")]
    done("revoke", "one", "--file", str(file))
    done("revoke", hash_of(secrets[1])[:10], "--file", str(file))
    told = keys("revoke", secrets[2], "--file", str(file))
    assert secrets[2] not in told.output
    assert [state(file, secret) for secret in secrets] == ["revoked"] * 3
    assert "was revoked before" in done("revoke", "one", "--file", str(file))


def test_what_names_no_key_or_too_many_is_refused(file: Path) -> None:
    file.write_text(yaml.safe_dump({"keys": [{"name": n, "hash": f"sha256:{'ab' * 31}{n}"} for n in ("00", "11")]}))
    before = file.read_text()
    at = ("--file", str(file))
    assert "the beginning of 2 hashes" in refused("revoke", "ababababab", *at)
    assert "has no key abab" in refused("revoke", "abab", *at), "too short to mean a hash"
    assert "did you mean 00?" in refused("revoke", "000", *at)
    said = refused("revoke", "sk-lp-of-nobody", *at)
    assert "has no such key" in said
    assert "sk-lp-of-nobody" not in said
    assert file.read_text() == before


def test_a_key_of_the_config_itself_is_revoked_there(tmp_path: Path) -> None:
    path = write(tmp_path, config({"virtual_keys": KEYS}))
    assert "chat stands in" in refused("revoke", "chat", "--config", path)
    assert "names no virtual_keys.file" in refused("revoke", "nobody", "--config", path)
    assert "names no virtual_keys.file" in refused("new", "--name", "a", "--write", "--config", path)


def test_the_config_names_the_file_and_both_are_one(tmp_path: Path, file: Path) -> None:
    path = write(tmp_path, config({"virtual_keys": KEYS | {"file": str(file)}}))
    at = ("--config", path)
    done("new", "--name", "filed", "--team", "support", "--write", *at)
    rows = json.loads(done("list", "--json", *at))
    assert [(row["name"], row["in"], row["team"]) for row in rows] == [
        ("chat", "config", "support"),
        ("batch", "config", None),
        ("filed", "file", "support"),
    ]
    before = file.read_text()
    assert "key name given twice: chat" in refused("new", "--name", "chat", "--write", *at)
    assert "teams that are not listed under teams: ghosts" in refused(
        "new", "--name", "b", "--team", "ghosts", "--write", *at
    )
    assert file.read_text() == before


def test_the_list_tells_the_state_the_end_and_the_limits(file: Path) -> None:
    for name, more in {
        "active": ("--rpm-limit", "10", "--expires", "2099-01-31"),
        "revoked": (),
        "expired": ("--expires", "2020-01-31"),
    }.items():
        new(file, name, *more)
    done("revoke", "revoked", "--file", str(file))
    rows = json.loads(done("list", "--json", "--file", str(file)))
    assert [(row["name"], row["state"]) for row in rows] == [(row["name"], row["name"]) for row in rows]
    assert (rows[0]["rpm_limit"], rows[0]["expires"]) == (10, "2099-01-31T23:59:59+00:00")
    shown = done("list", "--file", str(file)).splitlines()
    assert shown[0].endswith("models as the team  until 2099-01-31T23:59:59+00:00  rpm_limit 10")
    assert "expired" in shown[2]


def test_json_tells_a_program_what_was_done(file: Path) -> None:
    told = json.loads(done("new", "--name", "a", "--write", "--file", str(file), "--json"))
    assert told.keys() == {"secret", "entry", "file", "comments_kept"}
    revoked = json.loads(done("revoke", "a", "--file", str(file), "--json"))
    assert revoked | {"id": ""} == {
        "name": "a", "id": "", "state": "revoked", "changed": True, "file": str(file), "comments_kept": True,
    }  # fmt: skip
    assert json.loads(done("revoke", "a", "--file", str(file), "--json"))["changed"] is False


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--expires", "soon"), "expected a date (2030-01-31)"),
        (("--expires", "2030-01-31T10:00:00"), "needs its offset"),
        (("--expires", "-1d"), "expected a date"),
        (("--rpm-limit", "0"), "0 is not in the range"),
        (("--tpm-limit", "many"), "not a valid integer"),
        (("--metadata", "{"), "is not JSON"),
        (("--metadata", "[]"), "expected a JSON object"),
        (("--metadata", '{"litellm_plugins": 1}'), "litellm_plugins in it is a block"),
        (("--name", ""), "name: string should have at least 1 character"),
    ],
)
def test_bad_input_is_told_and_nothing_is_written(file: Path, option: tuple[str, str], said: str) -> None:
    assert said in refused("new", "--name", "a", "--write", "--file", str(file), *option)
    assert not file.exists()


@pytest.mark.parametrize("text", ["keys: [", "- a", "keys: [{name: a}]", f"keys: [{{name: a, hash: {SECRET}}}]"])
def test_a_broken_file_is_not_touched_and_no_secret_in_it_told(file: Path, text: str) -> None:
    file.write_text(text)
    for command in (("new", "--name", "x", "--write"), ("revoke", "a"), ("list",)):
        said = refused(*command, "--file", str(file))
        assert "keys.yaml" in said
        assert SECRET not in said
    assert file.read_text() == text


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    said = refused("new", "--name", "a", "--write", "--file", str(tmp_path / "no" / "keys.yaml"))
    assert "cannot be written: No such file" in said


def test_a_link_stays_a_link_and_a_mode_what_it_was(file: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "keys.yaml"
    real.write_text("keys: []\n")
    real.chmod(0o640)
    file.symlink_to(real)
    new(file, "a")
    assert file.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [key.name for key in read_keys(real).keys] == ["a"]


def test_writers_at_the_same_time_lose_nothing(file: Path) -> None:
    from litellm_plugins.cli.keys_files import Place

    def add(n: int) -> Any:
        return Place.of(None, file).add({"name": f"key {n}", "hash": f"sha256:{hash_of(str(n))}"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert len(read_keys(file).keys) == 40
