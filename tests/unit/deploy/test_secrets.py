"""The scripts in deploy/compose, run as they are."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "deploy/compose"


def made(folder: Path) -> dict[str, str]:
    done = subprocess.run(["sh", FOLDER / "make-secrets.sh", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {file.name: file.read_text() for file in folder.iterdir()}


def with_secrets(secrets: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", FOLDER / "with-secrets.sh", "sh", "-c", command],
        env={"PATH": os.environ["PATH"], "SECRETS_FOLDER": str(secrets), **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_is_made_stays_when_it_is_made_again(tmp_path: Path) -> None:
    first = made(tmp_path / "secrets")
    (tmp_path / "secrets/openai_api_key").chmod(0o644)
    (tmp_path / "secrets/openai_api_key").write_text("sk-mine")
    (tmp_path / "secrets/redis_password").unlink()
    again = made(tmp_path / "secrets")
    assert again["openai_api_key"] == "sk-mine"
    assert again["redis_password"] != first["redis_password"]
    assert {**again, "openai_api_key": "", "redis_password": ""} == {**first, "redis_password": ""}


def test_secrets_differ_need_no_encoding_in_a_url_and_have_the_length_that_is_asked_for(tmp_path: Path) -> None:
    secrets = made(tmp_path / "secrets")
    filled = {name: value for name, value in secrets.items() if value}
    assert len(set(filled.values())) == len(filled)
    assert all(set(value) <= set("0123456789abcdefghijklmnopqrstuvwxyz-") for value in filled.values())
    assert len(filled["langfuse_encryption_key"]) == 64
    assert filled["litellm_master_key"].startswith("sk-")
    assert set(secrets) - set(filled) == {"openai_api_key", "anthropic_api_key", "slack_webhook_url"}


def test_only_their_owner_gets_as_far_as_the_files(tmp_path: Path) -> None:
    """Containers, whose users are others, get each file by itself and must be able to read it."""
    made(tmp_path / "secrets")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "secrets").iterdir()} == {0o444}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for name, value in {"db": "p-w", "other": "o", "empty": ""}.items():
        (tmp_path / name).write_text(value)
    return tmp_path


def test_secrets_take_their_places_in_the_environment(secrets: Path) -> None:
    url = "postgresql://u:{secret:db}@host/{secret:other}?x={y}"
    done = with_secrets(secrets, 'printf "%s|%s" "$URL" "$PLAIN"', URL=url, PLAIN="as it is $HOME")
    assert done.stdout == "postgresql://u:p-w@host/o?x={y}|as it is $HOME"


def test_a_variable_that_comes_out_empty_is_none(secrets: Path) -> None:
    done = with_secrets(secrets, 'printf "%s" "${KEY-none}"', KEY="{secret:empty}")
    assert done.stdout == "none"


def test_a_secret_that_is_missing_stops_the_start_and_is_named(secrets: Path) -> None:
    done = with_secrets(secrets, "echo started", KEY="{secret:missing}")
    assert done.returncode == 78
    assert "KEY needs" in done.stderr
    assert "missing" in done.stderr
    assert done.stdout == ""


def test_the_commands_own_exit_status_comes_through(secrets: Path) -> None:
    assert with_secrets(secrets, "exit 3").returncode == 3
