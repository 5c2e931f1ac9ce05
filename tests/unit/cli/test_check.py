"""`litellm-plugins check`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from litellm_plugins.cli import main
from tests.unit.cli.config import KEYS, SECRET, config, write

ON = {"cache": {"enabled": True}}


def check(folder: Path, content: object, *options: str) -> Result:
    return CliRunner().invoke(main, ["check", "--config", write(folder, content), *options])


def test_a_right_config_is_ok_and_says_what_is_on(tmp_path: Path) -> None:
    """So that nobody has to read the defaults."""
    budgets = [{"name": "company", "limit_usd": 5}, {"name": "each", "scope": "key", "limit_requests": 9}]
    more = {"coalesce": {"enabled": True}, "budgets": budgets, "alerts": {"webhooks": [{"url_env": "SLACK_URL"}]}}
    overrides = {"per_team": {"support": {"cache": {"ttl_s": 5}}}}
    result = check(tmp_path, config(ON | more | overrides | {"virtual_keys": KEYS}))
    assert (result.exit_code, result.stderr) == (0, "")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in result.stdout.splitlines()[:-1]}
    assert lines == {
        "storage": "sqlite:///./data/litellm_plugins.db, at most 512 MB",
        "cache": "on, per team, 3600 s",
        "cache.exact": "on",
        "cache.semantic": "on, at most 1.00% wrong answers, embedder local",
        "cache.judge": "off",
        "encryption": "off",
        "events": "off",
        "coalesce": "on",
        "prompts": "off",
        "compression": "off",
        "routing": "off",
        "prompt_caching": "off",
        "output": "off",
        "early_stop": "off",
        "virtual_keys": "2 keys of 1 teams",
        "budgets": "company, each",
        "batch": "off",
        "alerts": "SLACK_URL (not set here)",
        "admission": "off",
        "review": "off",
        "ui": "off",
        "insight": "on, 35 days, anomalies on",
        "telemetry": "headers, log, prometheus, langfuse",
        "overrides": "team support",
    }
    assert result.stdout.endswith("proxy_config.yaml: ok\n")


def test_models_whose_requests_may_wait_are_said(tmp_path: Path) -> None:
    listed = {
        "model_list": [{"model_name": name, "litellm_params": {"model": f"openai/{name}"}} for name in ("a", "b")]
    }
    result = check(tmp_path, config({"batch": {"enabled": True, "models": ["a", "b"]}}) | listed)
    assert result.exit_code == 0, result.stderr
    assert ["batch", "on,", "for", "a,", "b"] in [line.split() for line in result.stdout.splitlines()]


def test_what_reviews_do_is_said(tmp_path: Path) -> None:
    wanted = {"enabled": True, "thumbs": "queue", "keep_text": False, "langfuse": {"enabled": True}}
    result = check(tmp_path, config({"review": wanted}))
    assert result.exit_code == 0, result.stderr
    told = dict(line.split(maxsplit=1) for line in result.stdout.splitlines()[:-1])
    assert told["review"] == "on, 1.00% drawn by chance, thumbs queue, no texts kept, Langfuse every 10 min"


def test_what_is_off_is_said_to_be_off(tmp_path: Path) -> None:
    """The layers of a cache that is off are off, whatever their own switches say."""
    telemetry = dict.fromkeys(("headers", "log", "prometheus", "langfuse"), False)
    result = check(tmp_path, config({"telemetry": telemetry, "insight": {"enabled": False}}))
    assert result.exit_code == 0
    told = dict(line.split(maxsplit=1) for line in result.stdout.splitlines()[:-1])
    del told["storage"]
    assert set(told.values()) == {"off", "none"}


def test_a_config_without_our_block_is_fine_and_does_nothing(tmp_path: Path) -> None:
    """Loading the handler alone must cost nothing."""
    without: tuple[dict[str, Any], ...] = (config(None), {"model_list": []}, {"callback_settings": None})
    for content in without:
        result = check(tmp_path, content)
        assert result.exit_code == 0
        assert "the pack does nothing" in result.stdout


def test_every_problem_is_a_line_on_stderr_and_the_exit_code_is_1(tmp_path: Path) -> None:
    """For a CI job before the deployment."""
    result = check(tmp_path, config({"cache": {"semantic": {"max_eror_rate": 0.01}, "ttl_s": 0}}))
    assert result.exit_code == 1
    root = "callback_settings.litellm_plugins.cache"
    assert result.stderr.splitlines() == [
        f"{root}.ttl_s: input should be greater than 0 (got 0)",
        f"{root}.semantic.max_eror_rate: unknown setting; did you mean max_error_rate?",
    ]
    assert "ok" not in result.stdout


GENERAL = config(ON)["general_settings"]
HOST: dict[str, tuple[dict[str, Any], str]] = {
    "the handler is not loaded": (
        {"litellm_settings": {"callbacks": ["langfuse"], "enable_post_custom_auth_checks": True}},
        'litellm_settings.callbacks: add "litellm_plugins.proxy.handler"',
    ),
    "no callbacks at all": (
        {"litellm_settings": {"enable_post_custom_auth_checks": True}},
        "litellm_settings.callbacks: add",
    ),
    "the host's own cache is on": (
        {"litellm_settings": config(ON, cache=True)["litellm_settings"]},
        "litellm_settings.cache: set it to false",
    ),
    "another custom auth": (
        {"general_settings": GENERAL | {"custom_auth": "my.auth"}},
        "general_settings.custom_auth: set it to litellm_plugins.proxy.virtual_key_auth",
    ),
    "no common checks": (
        {"general_settings": GENERAL | {"custom_auth_run_common_checks": False}},
        "general_settings.custom_auth_run_common_checks: set it to true",
    ),
    "the host's own reservations": (
        {"general_settings": {name: on for name, on in GENERAL.items() if name != "disable_budget_reservation"}},
        "general_settings.disable_budget_reservation: set it to true",
    ),
    "no checks after the custom auth": (
        {"litellm_settings": {"callbacks": ["litellm_plugins.proxy.handler"]}},
        "litellm_settings.enable_post_custom_auth_checks: set it to true",
    ),
}


@pytest.mark.parametrize(("host", "expected"), HOST.values(), ids=HOST.keys())
def test_what_in_the_hosts_part_defeats_ours_is_a_problem(tmp_path: Path, host: dict[str, Any], expected: str) -> None:
    """Settings that silently have no effect are worse than wrong ones."""
    result = check(tmp_path, config(ON | {"virtual_keys": KEYS}) | host)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(expected)


def test_the_keys_file_is_read_too(tmp_path: Path) -> None:
    """Before the deployment, not at its first start."""
    file = tmp_path / "keys.yaml"
    file.write_text("teams: [{id: t}]\nkeys: []\n")
    ours = config(ON | {"virtual_keys": {"file": str(file)}})
    assert f"0 keys of 0 teams, and 0 keys of 1 teams in {file}" in check(tmp_path, ours).stdout
    for wrong in (f"keys: [{{name: a, hash: {SECRET}}}]", "keys: ["):
        file.write_text(wrong)
        result = check(tmp_path, ours)
        assert result.exit_code == 1
        assert result.stderr.startswith(str(file))
        assert SECRET not in result.output
    without = ours | {"general_settings": {}}
    assert "custom_auth: set it to" in check(tmp_path, without).stderr


def test_a_variable_that_is_set_is_named_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not stops the boot; the proxy may be started elsewhere, so it is no problem here."""
    monkeypatch.setenv("KEY_ONE", "1")
    monkeypatch.delenv("KEY_TWO", raising=False)
    ours = {"storage": {"encryption_keys_env": ["KEY_ONE", "KEY_TWO"]}, "events": {"secret_env": "KEY_ONE"}}
    result = check(tmp_path, config(ON | ours))
    assert result.exit_code == 0
    told = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert {"encryption on, KEY_ONE, KEY_TWO (not set here)", "events on, signed with KEY_ONE"} <= set(told)


def test_models_that_are_degraded_to_sum_up_or_judge_and_those_of_budgets_have_to_be_listed(tmp_path: Path) -> None:
    """A misspelt one would be found out when the money is gone, or never."""
    ours = {
        "budgets": [
            {"name": "day", "limit_usd": 5, "on_hard": "degrade", "degrade": {"model": "nanno"}},
            {"name": "big", "scope": {"model": "bigg"}, "limit_usd": 5},
        ],
        "compression": {"features": {"chat": {"history": {"max_tokens": 9000, "how": "summarise", "model": "smal"}}}},
        "review": {"judge": {"model": "juge"}},
        "per_team": {"support": {"budgets": {"day": {"degrade": {"model": "nan"}}}}},
    }
    result = check(tmp_path, {**config(ON | ours), "model_list": [{"model_name": "nano"}]})
    root = "callback_settings.litellm_plugins."
    assert result.stderr.splitlines() == [
        f"{root}budgets.0.degrade.model: 'nanno' is not in model_list",
        f"{root}compression.features.chat.history.model: 'smal' is not in model_list",
        f"{root}review.judge.model: 'juge' is not in model_list",
        f"{root}per_team.support.budgets.day.degrade.model: 'nan' is not in model_list",
        f"{root}budgets.1.scope: 'bigg' is not in model_list",
    ]


def judged_by(model: str, **host: Any) -> dict[str, Any]:
    judge = {"model": model, "budget_usd_per_day": "0.50"}
    return config({"cache": {"enabled": True, "semantic": {"judge": judge}}}) | host


@pytest.mark.parametrize(
    "host",
    [
        {"model_list": [{"model_name": "gpt-4.1-mini"}]},
        {"model_list": [{"model_name": "gpt-*"}]},
        {"model_list": [], "router_settings": {"model_group_alias": {"gpt-4.1-mini": "gpt-4.1"}}},
        {"general_settings": {"store_model_in_db": True}},
    ],
    ids=["listed", "by a pattern", "an alias", "maybe in the database"],
)
def test_the_judge_is_shown_with_its_budget(tmp_path: Path, host: dict[str, Any]) -> None:
    result = check(tmp_path, judged_by("gpt-4.1-mini", **host))
    assert result.exit_code == 0
    assert "gpt-4.1-mini, at most 0.50 US dollars a day" in result.stdout


@pytest.mark.parametrize("host", [{}, {"model_list": [{"model_name": "gpt-4.1"}, "odd"]}, {"model_list": None}])
def test_a_judge_that_is_no_model_of_the_proxy_is_a_problem(tmp_path: Path, host: dict[str, Any]) -> None:
    result = check(tmp_path, judged_by("gpt-4.1-mini", **host))
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    place = "callback_settings.litellm_plugins.cache.semantic.judge.model"
    assert line == f"{place}: there is no 'gpt-4.1-mini' in model_list"


def test_a_callback_that_is_one_word_and_no_list_is_understood(tmp_path: Path) -> None:
    """The host takes both."""
    content = config(ON)
    content["litellm_settings"]["callbacks"] = "litellm_plugins.proxy.handler"
    assert check(tmp_path, content).exit_code == 0


@pytest.mark.parametrize("content", ["", "a: [1", "- a\n- b\n", "just words", "a: &a [*b]", "\t"])
def test_a_file_that_is_no_config_is_a_problem_and_no_traceback(tmp_path: Path, content: str) -> None:
    """Empty, broken, or of another shape."""
    result = check(tmp_path, content)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "proxy_config.yaml: " in result.stderr


def test_a_file_that_is_not_there_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    """Nor is a folder, or a file of bytes."""
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "nowhere.yaml", tmp_path, tmp_path / "bytes.yaml"):
        result = CliRunner().invoke(main, ["check", "--config", str(path)])
        assert result.exit_code == 1
        assert "cannot be read" in result.stderr


def test_json_says_the_same_for_programs(tmp_path: Path) -> None:
    """One object on stdout, the exit code unchanged."""
    good = check(tmp_path, config(ON), "--json")
    assert good.exit_code == 0
    told = json.loads(good.stdout)
    assert (told["ok"], told["problems"]) == (True, [])
    assert told["features"]["cache.exact"] == "on"
    bad = check(tmp_path, config({"cahce": {}}), "--json")
    assert bad.exit_code == 1
    told = json.loads(bad.stdout)
    assert (told["ok"], told["features"]) == (False, {})
    assert told["problems"] == ["callback_settings.litellm_plugins.cahce: unknown setting; did you mean cache?"]


def test_no_secret_is_printed_whatever_is_wrong(tmp_path: Path) -> None:
    """A plain key pasted for a hash: CI logs are public."""
    block = {"virtual_keys": {"keys": [{"name": "a", "hash": SECRET}]}}
    for options in ((), ("--json",)):
        result = check(tmp_path, config(block), *options)
        assert result.exit_code == 1
        assert SECRET not in result.output


def test_a_redis_is_named_without_its_password(tmp_path: Path) -> None:
    """With the keys that are its, since there may be others' on the server."""
    result = check(tmp_path, config({"storage": {"url": "redis://:hunter2@cache:6379", "key_prefix": "eu"}}))
    assert result.exit_code == 0
    assert "redis://cache:6379, keys eu:*" in result.stdout
    assert "hunter2" not in result.output


def test_a_url_from_the_environment_is_the_one_that_the_host_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = config({"storage": {"url": "os.environ/OUR_REDIS"}})
    monkeypatch.setenv("OUR_REDIS", "redis://:hunter2@cache:6379")
    result = check(tmp_path, content)
    assert result.exit_code == 0
    assert "redis://cache:6379" in result.stdout

    monkeypatch.setenv("OUR_REDIS", "redis://:hunter2@cache:6379/7")
    result = check(tmp_path, content)
    assert result.exit_code == 1
    assert "database 0 only" in result.stderr
    assert "hunter2" not in result.output

    monkeypatch.delenv("OUR_REDIS")
    result = check(tmp_path, content)
    assert result.exit_code == 1
    assert "storage.url: the environment variable OUR_REDIS is not set here" in result.stderr


def test_a_redis_without_its_packages_is_a_problem_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "redisvl", None)
    result = check(tmp_path, config({"storage": {"url": "redis://cache"}}))
    assert result.exit_code == 1
    assert result.stderr.startswith("callback_settings.litellm_plugins.storage.url: Redis needs the package redisvl")
    assert "pip install 'litellm-plugins[redis]'" in result.stderr
    assert check(tmp_path, config({"storage": {"url": "sqlite:///x.db"}})).exit_code == 0


def routing(**more: Any) -> dict[str, Any]:
    tiers = [{"name": "small", "models": ["nano"]}, {"name": "strong", "models": ["gpt-4.1"]}]
    arms = [{"name": "b", "model": "newest", "share": "5%"}]
    trial = {"name": "trial", "tier": "strong", "arms": arms}
    return {"routers": {"auto": {"tiers": tiers, "experiments": [trial]}}, **more}


def test_models_of_a_router_that_are_not_in_the_list_are_told_of_with_their_place(tmp_path: Path) -> None:
    block = routing(scorer="judge", judge={"model": "judgemental"})
    result = check(tmp_path, {**config({"routing": block}), "model_list": [{"model_name": "nano"}]})
    assert result.exit_code == 1
    where = "callback_settings.litellm_plugins.routing."
    assert [line for line in result.stderr.splitlines() if line.startswith(where)] == [
        f"{where}routers.auto: 'auto' is not in model_list",
        f"{where}routers.auto.tiers.strong: 'gpt-4.1' is not in model_list",
        f"{where}routers.auto.experiments.trial.b: 'newest' is not in model_list",
        f"{where}judge.model: 'judgemental' is not in model_list",
    ]


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"not a scorer", "not a trained scorer")])
def test_a_fitted_scorer_that_cannot_be_read_is_told_of(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "mine.npz"
    if content is not None:
        file.write_bytes(content)
    listed = [{"model_name": name} for name in ("auto", "nano", "gpt-4.1", "newest")]
    block = routing(scorer="adapted", adapted=str(file))
    result = check(tmp_path, {**config({"routing": block}), "model_list": listed})
    assert result.exit_code == 1
    [told] = [line for line in result.stderr.splitlines() if "routing" in line]
    assert told.startswith(f"callback_settings.litellm_plugins.routing.adapted: {file}: ")
    assert why in told
