"""The files in deploy/, as far as they can be checked without a Docker engine."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy/Dockerfile"
COMPOSE = ROOT / "deploy/compose.yaml"
COMPOSE_REDIS = ROOT / "deploy/compose.redis.yaml"  # is added to the first


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, continuation lines joined, comments gone."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest) for word, _, rest in (line.strip().partition(" ") for line in text.splitlines()) if word]


def copied_from_the_tree() -> list[str]:
    copies = [shlex.split(rest) for word, rest in instructions() if word == "COPY"]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def test_everything_the_dockerfile_copies_is_there() -> None:
    assert copied_from_the_tree()
    for source in copied_from_the_tree():
        assert (ROOT / source).exists(), source


def test_everything_the_dockerfile_copies_is_let_through_by_dockerignore() -> None:
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in copied_from_the_tree():
        assert any(Path(source).match(pattern) for pattern in let_through), source


def test_the_dockerfile_installs_only_hashed_locks_and_our_own_wheel() -> None:
    commands = [part.split() for word, rest in instructions() if word == "RUN" for part in rest.split("&&")]
    installs = [" ".join(words[2:]) for words in commands if words[1:2] == ["install"]]
    assert installs == [
        "--require-hashes -r requirements/runtime.lock",
        "--require-hashes -r requirements/build.lock",
        "--no-deps dist/*.whl",
    ]


def test_the_image_runs_as_an_ordinary_user_and_checks_its_own_liveness() -> None:
    last = dict(instructions())
    assert last["USER"] == "10001:10001"
    assert "/health/liveliness" in last["HEALTHCHECK"]
    assert json.loads(last["ENTRYPOINT"]) == ["litellm"]
    assert json.loads(last["CMD"])[:2] == ["--config", "/app/proxy_config.yaml"]


@pytest.mark.parametrize("file", [COMPOSE, COMPOSE_REDIS], ids=lambda path: path.name)
def test_the_compose_file_follows_the_compose_specification(file: Path) -> None:
    check = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(file),
    ]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The compose file as Compose itself understands it, with a made-up .env.

    Debian's Compose is 1.29, which knows all that the file uses but the project's `name`.
    """
    return as_compose_reads(tmp_path_factory.mktemp("compose"), COMPOSE)


@pytest.fixture(scope="module")
def with_redis(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same of both files together."""
    return as_compose_reads(tmp_path_factory.mktemp("compose"), COMPOSE, COMPOSE_REDIS)


def as_compose_reads(folder: Path, *files: Path) -> dict[str, Any]:
    if not shutil.which("docker-compose"):
        pytest.skip("docker-compose is not installed")
    (folder / "deploy").mkdir()
    command = ["docker-compose"]
    for file in files:
        without_name = re.sub(r"^name:.*\n", "", file.read_text(), flags=re.MULTILINE)
        (folder / "deploy" / file.name).write_text(without_name)
        command += ["-f", f"deploy/{file.name}"]
    (folder / ".env").write_text("LITELLM_MASTER_KEY=sk-made-up\n")
    command += ["config"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    found: dict[str, Any] = yaml.safe_load(told.stdout)
    return found


def test_compose_reads_the_master_key_from_the_env_file(parsed: dict[str, Any]) -> None:
    assert parsed["services"]["proxy"]["environment"]["LITELLM_MASTER_KEY"] == "sk-made-up"


def test_the_port_is_open_to_this_machine_only(parsed: dict[str, Any]) -> None:
    (port,) = parsed["services"]["proxy"]["ports"]
    assert str(port).startswith("127.0.0.1:") or port["host_ip"] == "127.0.0.1"


def test_only_the_volume_and_tmp_can_be_written(parsed: dict[str, Any]) -> None:
    proxy = parsed["services"]["proxy"]
    assert proxy["read_only"] is True
    writable = [volume for volume in proxy["volumes"] if not str(volume).endswith(":ro")]
    assert writable == ["data:/app/data:rw"]
    assert "data" in parsed["volumes"]


def test_redis_is_reached_by_the_proxy_only_and_evicts_nothing_that_was_curated(with_redis: dict[str, Any]) -> None:
    proxy, redis = with_redis["services"]["proxy"], with_redis["services"]["redis"]
    assert "ports" not in redis
    assert list(redis["networks"]) == ["cache"]
    assert with_redis["networks"]["cache"]["internal"] is True
    assert {"default", "cache"} == set(proxy["networks"])
    assert proxy["environment"]["LITELLM_PLUGINS_REDIS_URL"] == "redis://redis:6379"
    assert "REDIS_URL" not in proxy["environment"]  # the host's own cache would take it
    told = redis["command"]
    assert told[told.index("--maxmemory-policy") + 1] == "volatile-lru"
    assert redis["image"] == "redis:8"
