"""deploy/compose.yaml and deploy/Dockerfile, as far as they can be checked without a Docker engine."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import compose

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "deploy/Dockerfile"
COMPOSE = ROOT / "deploy/compose.yaml"
COMPOSE_REDIS = ROOT / "deploy/compose.redis.yaml"  # is added to the first


def test_everything_the_dockerfile_copies_is_there_and_let_through_by_dockerignore() -> None:
    copied = compose.copied_from_the_tree(DOCKERFILE)
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert compose.let_through(ROOT / ".dockerignore", source), source


def test_the_dockerfile_installs_only_hashed_locks_and_our_own_wheel() -> None:
    assert compose.installs(DOCKERFILE, "pip") == [
        "--require-hashes -r requirements/runtime.lock",
        "--require-hashes -r requirements/build.lock",
        "--no-deps dist/*.whl",
    ]


def test_the_image_runs_as_an_ordinary_user_and_checks_its_own_liveness() -> None:
    last = dict(compose.instructions(DOCKERFILE))
    assert last["USER"] == "10001:10001"
    assert "/health/liveliness" in last["HEALTHCHECK"]
    assert json.loads(last["ENTRYPOINT"]) == ["litellm"]
    assert json.loads(last["CMD"])[:2] == ["--config", "/app/proxy_config.yaml"]


@pytest.mark.parametrize("file", [COMPOSE, COMPOSE_REDIS], ids=lambda path: path.name)
def test_the_compose_file_follows_the_compose_specification(file: Path) -> None:
    assert not compose.schema_faults(file)


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The compose file as Compose itself understands it, with a made-up .env."""
    return as_compose_reads(tmp_path_factory.mktemp("compose"), COMPOSE)


@pytest.fixture(scope="module")
def with_redis(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same of both files together."""
    return as_compose_reads(tmp_path_factory.mktemp("compose"), COMPOSE, COMPOSE_REDIS)


def as_compose_reads(folder: Path, *files: Path) -> dict[str, Any]:
    (folder / ".env").write_text("LITELLM_MASTER_KEY=sk-made-up\n")
    return compose.as_compose_reads(folder, *files, project=folder / "deploy")


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
