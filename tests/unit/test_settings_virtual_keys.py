"""What may be said of a team and of a key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import yaml

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import VirtualKeys, parse, parse_keys

HASH = "sha256:" + "0a" * 32
SECRET = "sk-lp-THIS_IS_THE_SECRET"
NAIVE = yaml.safe_load("2030-01-31 18:00:00")


def key(**more: Any) -> dict[str, Any]:
    return {"name": "a", "hash": HASH} | more


def told(keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse({"virtual_keys": keys})
    return "\n".join(caught.value.problems)


def test_a_key_says_everything_that_it_may_do() -> None:
    text = f"""
    virtual_keys:
      teams: [{{id: t, rpm_limit: 100, tpm_limit: 5000, blocked: true, expires: 2030-01-31, metadata: {{tags: [x]}}}}]
      keys:
        - name: a
          hash: {HASH}
          team: t
          models: [small]
          rpm_limit: 10
          tpm_limit: 1000
          max_parallel_requests: 2
          expires: 2030-01-31T18:00:00+01:00
          blocked: false
          revoked: true
          metadata: {{cost_center: "17", litellm_plugins: {{budgets: []}}, tags: [batch]}}
    """
    found = parse(yaml.safe_load(text)).virtual_keys
    assert found.teams[0].expires == datetime(2030, 1, 31, 23, 59, 59, 999999, UTC)
    assert found.teams[0].rpm_limit == 100
    assert found.keys[0].expires == datetime(2030, 1, 31, 18, tzinfo=timezone(timedelta(hours=1)))
    assert found.keys[0].metadata["litellm_plugins"] == {"budgets": []}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"expires": "2030-01-31T18:00:00"}, "keys.0.expires: a date-time needs its offset"),
        ({"expires": NAIVE}, "keys.0.expires: a date-time needs its offset"),
        ({"expires": "soon"}, "keys.0.expires: expected a date (2030-01-31)"),
        ({"expires": "2030-02-31"}, "keys.0.expires: expected a date"),
        ({"expires": 20300131}, "keys.0.expires: expected a date"),
        ({"expires": True}, "keys.0.expires: expected a date"),
        ({"rpm_limit": 0}, "keys.0.rpm_limit: input should be greater than or equal to 1"),
        ({"rpm_limit": True}, "keys.0.rpm_limit: input should be a valid integer"),
        ({"tpm_limit": "10"}, "keys.0.tpm_limit: input should be a valid integer"),
        ({"max_parallel_requests": -1}, "keys.0.max_parallel_requests: input should be greater"),
        ({"blocked": "no"}, "keys.0.blocked: input should be a valid boolean"),
        ({"revoked": 0}, "keys.0.revoked: input should be a valid boolean"),
        ({"metadata": {"since": NAIVE}}, "keys.0.metadata.since: input was not a valid JSON value"),
        ({"metadata": {"litellm_plugins": ["x"]}}, "keys.0.metadata: litellm_plugins in it is a block"),
        ({"metadata": {"tags": "batch"}}, "keys.0.metadata: tags in it is a list"),
        ({"rpm_limits": 1}, "keys.0.rpm_limits: unknown setting; did you mean rpm_limit?"),
    ],
)
def test_what_is_wrong_with_a_key_is_said_with_its_path(wrong: dict[str, Any], said: str) -> None:
    assert f"callback_settings.litellm_plugins.virtual_keys.{said}" in told({"keys": [key(**wrong)]})


def test_a_limit_that_the_host_does_not_know_is_refused_and_not_ignored() -> None:
    """It counts calls in parallel by key only."""
    said = told({"teams": [{"id": "t", "max_parallel_requests": 3}]})
    assert "teams.0: max_parallel_requests: the host counts calls in parallel per key" in said


def test_keys_may_name_teams_of_the_file_only_where_there_is_one() -> None:
    assert "keys name teams that are not listed under teams: t" in told({"keys": [key(team="t")]})
    inline = parse({"virtual_keys": {"file": "keys.yaml", "keys": [key(team="t")]}}).virtual_keys
    filed = parse_keys({"teams": [{"id": "t"}]}, root="keys.yaml")
    assert inline.with_file(filed).keys[0].team == "t"
    with pytest.raises(ValueError, match="not listed under teams: t"):
        inline.with_file(parse_keys({}, root="keys.yaml"))


def test_config_and_file_may_not_say_the_same_thing_twice() -> None:
    inline = VirtualKeys.model_validate({"file": "k", "keys": [key()], "teams": [{"id": "t"}]})
    with pytest.raises(ValueError, match="team id given twice: t; key name given twice: a; key hash given twice"):
        inline.with_file(parse_keys({"keys": [key()], "teams": [{"id": "t"}]}, root="k"))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (None, "keys.yaml: expected `teams:` and `keys:` at the top, got an empty file; no keys is `keys: []`"),
        ([key()], "keys.yaml: expected `teams:` and `keys:` at the top, got list"),
        ({"keys": [key(hash=SECRET)]}, "keys.yaml.keys.0.hash: not a key hash"),
        ({"keys": [SECRET]}, "keys.yaml.keys.0: expected a block of settings"),
        ({"keys": [key(key=SECRET)]}, "keys.yaml.keys.0.key: unknown setting"),
        ({"keys": [key(name=SECRET), key(name=SECRET)]}, "keys.yaml: key name given twice: sk-***"),
        ({"file": "other.yaml"}, "keys.yaml.file: unknown setting"),
    ],
)
def test_a_fault_of_the_keys_file_is_told_with_its_path_and_no_secret(raw: object, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_keys(raw, root="keys.yaml")
    problems = "\n".join(caught.value.problems)
    assert said in problems
    assert SECRET not in problems
