"""Wrong settings stop the boot, and say all that is wrong with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from litellm_plugins.cli import config_file
from tests.support import Keys, Provider, RunningProxy, proxy_config, write_config

MISTAKES: dict[str, Any] = {
    "cache": {"ttl_s": -1, "semantic": {"max_eror_rate": 0.01}},
    "storage": {"url": "mysql://somewhere"},
    "telemetri": {},
    "per_team": {"legal": {"cache": {"scop": "end_user"}}},
}
ROOT = "callback_settings.litellm_plugins"
PROBLEMS = (
    f"{ROOT}.cache.semantic.max_eror_rate: unknown setting; did you mean max_error_rate?",
    f"{ROOT}.cache.ttl_s: ",
    f"{ROOT}.storage.url: expected sqlite:///PATH, redis://HOST:PORT or",
    f"{ROOT}.telemetri: unknown setting; did you mean telemetry?",
    f"{ROOT}.per_team.legal.cache.scop: unknown setting; did you mean scope?",
)


def test_wrong_settings_stop_the_boot_with_every_problem_listed(provider: Provider, tmp_path: Path) -> None:
    status, log = _boot_that_fails(provider, tmp_path, num_workers=1)

    assert status != 0
    assert [problem for problem in PROBLEMS if problem not in log] == []
    assert "Application startup complete" not in log
    assert "Traceback" not in log


def test_wrong_settings_stop_the_boot_of_several_workers_too(provider: Provider, tmp_path: Path) -> None:
    """Uvicorn's supervisor starts a worker that dies anew, for ever: it must be told to end itself."""
    _, log = _boot_that_fails(provider, tmp_path, num_workers=2)

    assert [problem for problem in PROBLEMS if problem not in log] == []
    assert "Application startup complete" not in log
    assert log.count("cannot start") <= 2


def test_check_says_the_same_without_starting_anything(provider: Provider, tmp_path: Path) -> None:
    checked = _check(write_config(tmp_path, proxy_config(provider.url, pack=MISTAKES)))

    assert checked.returncode == 1
    assert [problem for problem in PROBLEMS if problem not in checked.stderr] == []
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_check_finds_a_mistake_in_an_override(provider: Provider, tmp_path: Path) -> None:
    pack = {"per_team": {"legal": {"cache": {"scop": "end_user"}}}}
    checked = _check(write_config(tmp_path, proxy_config(provider.url, pack=pack)))

    assert checked.returncode == 1
    assert f"{ROOT}.per_team.legal.cache.scop: unknown setting; did you mean scope?" in checked.stderr


def test_check_prints_what_is_on(provider: Provider, tmp_path: Path, keys: Keys) -> None:
    checked = _check(write_config(tmp_path, proxy_config(provider.url)))

    assert checked.returncode == 0
    assert "cache.semantic   on, threshold 0.92" in checked.stdout
    assert f"{len(keys.all())} keys of 3 teams" in checked.stdout


def test_the_shipped_config_has_no_problem() -> None:
    shipped = config_file.load(Path(__file__).parents[2] / "proxy_config.yaml")

    assert config_file.host_problems(shipped, config_file.our_settings(shipped)) == []


def _boot_that_fails(provider: Provider, folder: Path, *, num_workers: int) -> tuple[int, str]:
    """Exit status and log."""
    config = proxy_config(provider.url, pack=MISTAKES)
    proxy = RunningProxy(config, folder, provider_url=provider.url, num_workers=num_workers)
    process = proxy.spawn()
    try:
        return process.wait(timeout=90), proxy.log()
    finally:
        proxy.kill()
        proxy.close()


def _check(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "litellm-plugins"), "check", "--config", str(path)]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=60, check=False)
