"""The YAML block: what is right, and what is wrong in words that name the place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity
from litellm_plugins.settings import Policies, Settings, cache_anywhere, parse

ROOT = "callback_settings.litellm_plugins"
HASH = "sha256:" + "0a" * 32


def problems(block: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        parse(block)
    return caught.value.problems


def problem(block: object) -> str:
    (only,) = problems(block)
    return only.removeprefix(ROOT).removeprefix(".")


def test_an_empty_block_is_all_defaults_and_caches_nothing() -> None:
    """Loading the pack must not by itself change what anybody is answered."""
    settings = parse({})
    assert settings == Settings()
    assert not cache_anywhere(settings)


def test_the_default_file_lies_beside_the_config() -> None:
    """A relative path, of three slashes; an absolute one has four."""
    assert parse({}).storage.path == Path("data/litellm_plugins.db")
    assert parse({"storage": {"url": "sqlite:////var/lib/pack.db"}}).storage.path == Path("/var/lib/pack.db")


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a slip of the pen, deep inside": (
        {"cache": {"semantic": {"max_eror_rate": 0.01}}},
        "cache.semantic.max_eror_rate: unknown setting; did you mean max_error_rate?",
    ),
    "a slip at the top": ({"cahce": {}}, "cahce: unknown setting; did you mean cache?"),
    "a slip in a list": (
        {"virtual_keys": {"keys": [{"name": "a", "hash": HASH, "taem": "t"}]}},
        "virtual_keys.keys.0.taem: unknown setting; did you mean team?",
    ),
    "a slip in an override": (
        {"per_team": {"support": {"cache": {"ttls": 5}}}},
        "per_team.support.cache.ttls: unknown setting; did you mean ttl_s?",
    ),
    "a slip in an override's own fields": (
        {"per_key": {"ci": {"cash": {}}}},
        "per_key.ci.cash: unknown setting; did you mean cache?",
    ),
    "a word from elsewhere": (
        {"cache": {"exact": {"redis_host": "x"}}},
        "cache.exact.redis_host: unknown setting; known here: enabled",
    ),
    "a block that is a word": (
        {"cache": "on"},
        "cache: expected a block of settings (got 'on')",
    ),
    "a number that is a word": (
        {"cache": {"ttl_s": "an hour"}},
        "cache.ttl_s: input should be a valid number, unable to parse string as a number (got 'an hour')",
    ),
    "a lifetime of nothing": ({"cache": {"ttl_s": 0}}, "cache.ttl_s: input should be greater than 0 (got 0)"),
    "a lifetime without end": (
        {"cache": {"max_ttl_s": float("inf")}},
        "cache.max_ttl_s: input should be a finite number (got inf)",
    ),
    "a lifetime above its bound": (
        {"cache": {"ttl_s": 100, "max_ttl_s": 50}},
        "cache: ttl_s (100) is above max_ttl_s (50)",
    ),
    "a threshold of more than one": (
        {"cache": {"semantic": {"threshold": 92}}},
        "cache.semantic.threshold: input should be less than or equal to 1 (got 92)",
    ),
    "a threshold of nothing": (
        {"cache": {"semantic": {"threshold": 0}}},
        "cache.semantic.threshold: input should be greater than 0 (got 0)",
    ),
    "a threshold that is no number": (
        {"cache": {"semantic": {"threshold": float("nan")}}},
        "cache.semantic.threshold: input should be a finite number (got nan)",
    ),
    "a promise of everything": (
        {"cache": {"semantic": {"max_error_rate": 0.5}}},
        "cache.semantic.max_error_rate: input should be less than or equal to 0.2 (got 0.5)",
    ),
    "two ways to decide": (
        {"cache": {"semantic": {"max_error_rate": 0.01, "threshold": 0.9}}},
        "cache.semantic: threshold and max_error_rate are two ways to decide; set one of them",
    ),
    "an unknown scope": (
        {"cache": {"scope": "user"}},
        "cache.scope: input should be 'team', 'key', 'end_user' or 'global' (got 'user')",
    ),
    "an unknown guard": (
        {"cache": {"semantic": {"guards": ["dates"]}}},
        (
            "cache.semantic.guards.0: input should be 'numbers', 'negations', 'opposites', 'codes' or 'language' "
            "(got 'dates')"
        ),
    ),
    "a file of no size": (
        {"storage": {"max_size_mb": 0}},
        "storage.max_size_mb: input should be greater than or equal to 1 (got 0)",
    ),
    "a sqlite url without a path": (
        {"storage": {"url": "sqlite:///"}},
        (
            "storage.url: expected sqlite:///PATH, redis://HOST:PORT or rediss://HOST:PORT (TLS), "
            "for example sqlite:///./data/litellm_plugins.db (got 'sqlite:///')"
        ),
    ),
    "answers of no size": (
        {"cache": {"max_answer_kb": 0}},
        "cache.max_answer_kb: input should be greater than or equal to 1 (got 0)",
    ),
    "no time to look up in": (
        {"cache": {"lookup_timeout_ms": -1}},
        "cache.lookup_timeout_ms: input should be greater than 0 (got -1)",
    ),
    "a switch that is neither": (
        {"telemetry": {"log": "sometimes"}},
        "telemetry.log: input should be a valid boolean, unable to interpret input (got 'sometimes')",
    ),
    "a team without an id": (
        {"virtual_keys": {"teams": [{"alias": "a"}]}},
        "virtual_keys.teams.0.id: is required",
    ),
    "a team of the empty id": (
        {"virtual_keys": {"teams": [{"id": ""}]}},
        "virtual_keys.teams.0.id: string should have at least 1 character (got '')",
    ),
    "a key without a hash": (
        {"virtual_keys": {"keys": [{"name": "a"}]}},
        "virtual_keys.keys.0.hash: is required",
    ),
    "two teams of one id": (
        {"virtual_keys": {"teams": [{"id": "a"}, {"id": "b"}, {"id": "a"}]}},
        "virtual_keys: team id given twice: a",
    ),
    "two keys of one name": (
        {"virtual_keys": {"keys": [{"name": "a", "hash": HASH}, {"name": "a", "hash": HASH[:-1] + "b"}]}},
        "virtual_keys: key name given twice: a",
    ),
    "one key twice": (
        {"virtual_keys": {"keys": [{"name": "a", "hash": HASH}, {"name": "b", "hash": HASH}]}},
        f"virtual_keys: key hash given twice: {HASH}",
    ),
    "a key of a team that is not there": (
        {"virtual_keys": {"keys": [{"name": "a", "hash": HASH, "team": "ghosts"}]}},
        "virtual_keys: keys name teams that are not listed under teams: ghosts",
    ),
    "an override that makes no sense on the base": (
        {"cache": {"ttl_s": 500}, "per_model": {"small": {"cache": {"max_ttl_s": 100}}}},
        "per_model.small.cache: ttl_s (500) is above max_ttl_s (100)",
    ),
    "an override out of bounds": (
        {"per_key": {"ci": {"cache": {"semantic": {"threshold": 2}}}}},
        "per_key.ci.cache.semantic.threshold: input should be less than or equal to 1 (got 2)",
    ),
    "an embedder for one team": (
        {"per_team": {"support": {"cache": {"semantic": {"embedder": "other"}}}}},
        "per_team.support.cache.semantic.embedder: one embedder serves all; set it under cache.semantic",
    ),
    "a comparison of answers for one team": (
        {"per_team": {"support": {"cache": {"semantic": {"same_answer_similarity": 0.8}}}}},
        (
            "per_team.support.cache.semantic.same_answer_similarity: one comparison of answers serves all; "
            "set it under cache.semantic"
        ),
    ),
    "threads of the embedder for one key": (
        {"per_key": {"chat": {"cache": {"semantic": {"embedder_threads": 2}}}}},
        "per_key.chat.cache.semantic.embedder_threads: one embedder serves all; set it under cache.semantic",
    ),
    "re-embedding for one team": (
        {"per_team": {"support": {"cache": {"semantic": {"reembed": False}}}}},
        "per_team.support.cache.semantic.reembed: one embedder serves all; set it under cache.semantic",
    ),
    "re-embedding that is neither on nor off": (
        {"cache": {"semantic": {"reembed": "sometimes"}}},
        "cache.semantic.reembed: input should be a valid boolean, unable to interpret input (got 'sometimes')",
    ),
    "a slip in the judge's block": (
        {"cache": {"semantic": {"judge": {"model": "mini", "budget_usd": 1}}}},
        "cache.semantic.judge.budget_usd: unknown setting; did you mean budget_usd_per_day?",
    ),
    "a judge that is no model": (
        {"cache": {"semantic": {"judge": {"budget_usd_per_day": 1}}}},
        "cache.semantic.judge.model: is required",
    ),
    "a judge without money": (
        {"cache": {"semantic": {"judge": {"model": "mini", "budget_usd_per_day": "0.00"}}}},
        "cache.semantic.judge.budget_usd_per_day: input should be greater than 0 (got '0.00')",
    ),
    "a budget in words": (
        {"cache": {"semantic": {"judge": {"model": "mini", "budget_usd_per_day": "one dollar"}}}},
        "cache.semantic.judge.budget_usd_per_day: input should be a valid decimal (got 'one dollar')",
    ),
    "a judge that may take all day": (
        {"cache": {"semantic": {"judge": {"model": "mini", "timeout_s": 86_400}}}},
        "cache.semantic.judge.timeout_s: input should be less than or equal to 60 (got 86400)",
    ),
    "a judge for one team": (
        {"per_team": {"support": {"cache": {"semantic": {"judge": {"model": "mini"}}}}}},
        (
            "per_team.support.cache.semantic.judge: one judge serves all; set it under cache.semantic, "
            "or null here to do without"
        ),
    ),
    "an override without anything": (
        {"per_team": {"a": None}},
        "per_team.a: expected a block of settings (got None)",
    ),
}


@pytest.mark.parametrize(("block", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_told_with_its_place_and_what_would_be_right(block: dict[str, Any], expected: str) -> None:
    """In one line, that somebody can act on without reading our source."""
    assert problem(block) == expected


@pytest.mark.parametrize("block", [[], "on", True, 5])
def test_something_else_than_a_block_is_said_to_be_that(block: object) -> None:
    """`litellm_plugins: on`, say."""
    assert problem(block) == f": expected a block of settings, got {type(block).__name__}"


def test_every_fault_is_listed_at_once() -> None:
    """One restart a fault is what makes people give up."""
    found = problems(
        {
            "cahce": {},
            "storage": {"url": "mysql://", "max_size_mb": 0},
            "cache": {"ttl_s": -1, "semantic": {"threshold": 7, "guards": ["x"]}},
            "virtual_keys": {"keys": [{"name": "", "hash": "x"}]},
            "telemetry": {"prometeus": True},
        }
    )
    assert [line.removeprefix(f"{ROOT}.").split(":")[0] for line in found] == [
        "storage.url",
        "storage.max_size_mb",
        "cache.ttl_s",
        "cache.semantic.threshold",
        "cache.semantic.guards.0",
        "virtual_keys.keys.0.name",
        "virtual_keys.keys.0.hash",
        "telemetry.prometeus",
        "cahce",
    ]


def test_faults_of_overrides_are_listed_beside_the_others() -> None:
    """All overrides, and also when the base has a fault of its own."""
    found = problems(
        {
            "storage": {"max_size_mb": 0},
            "per_team": {"a": {"cache": {"ttls": 5}}, "b": {"cache": {"ttl_s": 0}}},
            "per_model": {"small": {"cache": {"scope": "x"}}},
        }
    )
    assert {line.removeprefix(f"{ROOT}.").split(":")[0] for line in found} == {
        "storage.max_size_mb",
        "per_team.a.cache.ttls",
        "per_team.b.cache.ttl_s",
        "per_model.small.cache.scope",
    }


def test_every_kind_of_repetition_is_listed() -> None:
    """Teams, names, hashes and teams that are not there: four faults of one list."""
    keys = [{"name": "a", "hash": HASH, "team": "ghosts"}, {"name": "a", "hash": HASH}]
    found = "\n".join(problems({"virtual_keys": {"teams": [{"id": "t"}, {"id": "t"}], "keys": keys}}))
    for fault in ("team id given twice", "key name given twice", "key hash given twice", "ghosts"):
        assert fault in found


@pytest.mark.parametrize("url", ["mysql://h", "sqlite://x", "data.db", "", "sqlite:/x", "SQLITE:///x", "REDIS://h"])
def test_a_url_of_no_kind_that_is_known_is_no_store(url: str) -> None:
    """A path alone would be taken for one by nobody else."""
    assert problem({"storage": {"url": url}}).startswith("storage.url: expected sqlite:///PATH, redis://HOST:PORT")


def test_settings_cannot_be_changed_once_read() -> None:
    """Every request shares them."""
    with pytest.raises(ValueError, match="frozen"):
        parse({}).cache.enabled = True  # that it cannot be is the point


@pytest.mark.parametrize("budget", ["2.50", 2.5])
def test_a_judge_s_budget_is_counted_in_whole_nano_dollars(budget: str | float) -> None:
    settings = parse({"cache": {"semantic": {"judge": {"model": "mini", "budget_usd_per_day": budget}}}})
    assert settings.cache.semantic.judge is not None
    assert settings.cache.semantic.judge.budget_nano_usd == 2_500_000_000


def test_a_team_can_do_without_the_judge() -> None:
    judged = {"cache": {"semantic": {"judge": {"model": "mini"}}}}
    policies = Policies(parse(judged | {"per_team": {"legal": {"cache": {"semantic": {"judge": None}}}}}))
    assert policies.base.semantic.judge is not None
    assert policies.cache_for(Identity(team_id="legal"), "small").semantic.judge is None
    assert policies.cache_for(Identity(team_id="sales"), "small").semantic.judge == policies.base.semantic.judge
