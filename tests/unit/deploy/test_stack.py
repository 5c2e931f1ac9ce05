"""deploy/compose: the whole stack, as far as it can be checked without a Docker engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from litellm_plugins.cli import main
from tests.support import compose

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy/compose"
FILE = FOLDER / "compose.yaml"
DOCKERFILE = FOLDER / "Dockerfile"
SPOKEN: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = SPOKEN["services"]
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
NEEDS_A_WRITABLE_ROOT = {"langfuse-web", "langfuse-worker", "clickhouse"}


def mentioned(service: dict[str, Any]) -> set[str]:
    """The secrets that it says it reads: in its environment, its command, its health check."""
    text = yaml.safe_dump(service)
    return set(re.findall(r"\{secret:(\w+)\}", text)) | set(re.findall(r"/run/secrets/(\w+)", text))


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("stack")
    return compose.as_compose_reads(folder, FILE, project=folder / "deploy/compose")


def test_the_file_follows_the_compose_specification() -> None:
    assert not compose.schema_faults(FILE)


def test_compose_understands_it_and_finds_every_service(parsed: dict[str, Any]) -> None:
    assert set(parsed["services"]) == {
        "migrate", "proxy", "postgres", "redis", "langfuse-web", "langfuse-worker", "clickhouse", "minio",
        "langfuse-redis", "prometheus", "grafana",
    }  # fmt: skip


@each_service
def test_nobody_is_root_or_can_become_it(service: dict[str, Any]) -> None:
    user = service["user"].split(":")[0]
    assert int(user) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_the_root_is_read_only_where_the_image_allows_it(name: str) -> None:
    assert SERVICES[name].get("read_only", False) is (name not in NEEDS_A_WRITABLE_ROOT)


@each_service
def test_every_service_is_bounded(service: dict[str, Any]) -> None:
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


def test_every_service_but_the_one_that_ends_has_a_health_check() -> None:
    """The proxy's is in its image."""
    assert {name for name, service in SERVICES.items() if "test" not in service.get("healthcheck", {})} == {
        "migrate", "proxy",
    }  # fmt: skip
    assert "/health/liveliness" in dict(compose.instructions(DOCKERFILE))["HEALTHCHECK"]


def test_every_dependency_waits_for_more_than_a_start() -> None:
    waits = [wait for service in SERVICES.values() for wait in service.get("depends_on", {}).values()]
    assert {wait["condition"] for wait in waits} == {"service_healthy", "service_completed_successfully"}
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_the_tables_are_there_before_the_proxy_starts() -> None:
    assert SERVICES["proxy"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["restart"] == "no"
    assert SERVICES["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert SERVICES["proxy"]["environment"]["DISABLE_SCHEMA_UPDATE"] == "true"


def test_every_port_is_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == len({port.split(":")[1] for port in ports})
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert {name for name, service in SERVICES.items() if "ports" in service} == {
        "proxy", "langfuse-web", "minio", "prometheus", "grafana",
    }  # fmt: skip


def test_what_keeps_data_is_out_of_reach_of_what_has_no_business_with_it() -> None:
    for name in ("postgres", "redis", "clickhouse", "langfuse-redis"):
        assert all(SPOKEN["networks"][network]["internal"] for network in SERVICES[name]["networks"]), name
    on_redis = {name for name, service in SERVICES.items() if "redis" in service["networks"]}
    assert on_redis == {"redis", "proxy"}


def test_every_named_volume_is_used_and_every_one_used_is_named() -> None:
    used = {str(volume).split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {volume for volume in used if not volume.startswith(".")} == set(SPOKEN["volumes"])


def test_what_is_mounted_from_here_is_there_and_read_only() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            if source.startswith("."):
                assert (FOLDER / source).exists(), source
                assert volume.endswith(":ro"), volume


def test_images_are_pinned_to_a_version() -> None:
    bases = [rest.split()[0] for file in (DOCKERFILE, FOLDER / "minio.Dockerfile")
             for word, rest in compose.instructions(file) if word == "FROM"]  # fmt: skip
    pulled = [service["image"] for service in SERVICES.values() if "build" not in service]
    for image in [*bases, *pulled]:
        assert re.search(r":\S*\d+\.\d+|:RELEASE\.\d{4}", image), image


def test_the_image_is_the_litellm_that_the_pack_stands_on() -> None:
    base = [rest for word, rest in compose.instructions(DOCKERFILE) if word == "FROM"][-1]
    wanted = re.search(r'"litellm\[proxy\]==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert wanted
    assert base == f"ghcr.io/berriai/litellm-non_root:v{wanted[1]}"


def test_the_dockerfile_copies_what_is_there_and_adds_only_what_is_locked() -> None:
    for source in compose.copied_from_the_tree(DOCKERFILE):
        assert (ROOT / source).exists(), source
        assert compose.let_through(ROOT / ".dockerignore", source), source
    assert compose.installs(DOCKERFILE, "uv pip") == [
        '--python "$(command -v python)" --no-cache --no-deps --require-hashes -r /opt/litellm-plugins/pack.lock',
        '--python "$(command -v python)" --no-cache --no-deps /dist/*.whl',
    ]
    assert dict(compose.instructions(DOCKERFILE))["USER"] == "65534:65534"


def test_what_the_image_adds_is_what_the_tests_run_on() -> None:
    """Where this fails after `make lock`: copy the entries from requirements/runtime.lock."""
    entry = re.compile(r"^(\S+==\S+)(?: ; [^\\]*)?((?:\s*\\\n\s+--hash=\S+)+)", re.MULTILINE)
    locked = {name: hashes.split() for name, hashes in entry.findall((ROOT / "requirements/runtime.lock").read_text())}
    added = {name: hashes.split() for name, hashes in entry.findall((FOLDER / "pack.lock").read_text())}
    assert {name.split("==")[0] for name in added} == {"flatbuffers", "onnxruntime", "threadpoolctl", "tzdata"}
    for name, hashes in added.items():
        assert locked[name] == hashes


def test_every_secret_is_a_file_that_is_made_and_given_to_whom_reads_it() -> None:
    made = re.findall(r"^put (\w+) ", (FOLDER / "make-secrets.sh").read_text(), re.MULTILINE)
    assert set(SPOKEN["secrets"]) == set(made)
    assert all(secret == {"file": f"./secrets/{name}"} for name, secret in SPOKEN["secrets"].items())
    for name, service in SERVICES.items():
        assert mentioned(service) - {""} <= set(service["secrets"]), name
    given = {secret for service in SERVICES.values() for secret in service["secrets"]}
    assert given == set(made)


def test_no_password_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|_KEY$|SALT|AUTH$|_TOKEN$", variable):
                assert re.fullmatch(r"\{secret:\w+\}|/run/secrets/\w+", value), variable


def test_both_workers_show_one_page_of_metrics() -> None:
    proxy = SERVICES["proxy"]
    assert proxy["command"][proxy["command"].index("--num_workers") + 1] == "2"
    shared = proxy["environment"]["PROMETHEUS_MULTIPROC_DIR"]
    assert any(mount.startswith(f"{shared}:") for mount in proxy["tmpfs"])


def test_the_packs_redis_evicts_answers_only_and_langfuses_nothing() -> None:
    for name, policy in {"redis": "volatile-lru", "langfuse-redis": "noeviction"}.items():
        script = SERVICES[name]["command"][-1]
        assert f"--maxmemory-policy {policy} " in script
        assert "exec docker-entrypoint.sh redis-server " in script  # which loads the search engine


def test_the_config_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LITELLM_MASTER_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(variable, "sk-made-up")
    monkeypatch.setenv("LITELLM_PLUGINS_REDIS_URL", "redis://:made-up@redis:6379")
    checked = CliRunner().invoke(main, ["check", "--config", str(FOLDER / "proxy_config.yaml")])
    assert checked.exit_code == 0, checked.output
    assert "cache.semantic   on" in checked.output


def test_the_config_uses_only_variables_that_the_container_has() -> None:
    used = set(re.findall(r"os\.environ/(\w+)", (FOLDER / "proxy_config.yaml").read_text()))
    assert used <= set(SERVICES["proxy"]["environment"])


def test_the_stock_config_is_the_same_without_the_pack() -> None:
    ours = yaml.safe_load((FOLDER / "proxy_config.yaml").read_text())
    stock = yaml.safe_load((FOLDER / "stock_config.yaml").read_text())
    assert "litellm_plugins" not in yaml.safe_dump(stock)
    del ours["callback_settings"]
    ours["litellm_settings"]["callbacks"].remove("litellm_plugins.proxy.handler")
    assert ours == stock


def test_prometheus_finds_the_proxy_and_reads_the_rules() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    assert "../prometheus:/etc/prometheus:ro" in SERVICES["prometheus"]["volumes"]
    assert [ROOT / "deploy/prometheus" / file for file in config["rule_files"]] == [
        ROOT / "deploy/prometheus/rules.yml"
    ]
    scraped = {job["job_name"]: job for job in config["scrape_configs"]}["litellm"]
    assert scraped["static_configs"][0]["targets"] == ["proxy:4000"]
    assert Path(scraped["authorization"]["credentials_file"]).name in SERVICES["prometheus"]["secrets"]
