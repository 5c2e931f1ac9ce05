"""Rules, scorers and the judge in the block `routing`: what is wrong with them, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from litellm_plugins.errors import SettingsError
from litellm_plugins.proxy.routing.checks import unknown_models
from litellm_plugins.settings import parse

TIERS = [{"name": "small", "models": ["nano"]}, {"name": "big", "models": ["max", "coder"]}]


def block(rule: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    rules = [] if rule is None else [{"name": "r", "match": {"intent": "code"}, "then": {"tier": "big"}, **rule}]
    return {"routing": {"routers": {"auto": {"tiers": TIERS, "rules": rules}}, **more}}


def fault(given: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(given)
    return "\n".join(caught.value.problems)


def test_a_single_word_may_stand_where_a_list_may() -> None:
    [rule] = parse(block({"match": {"keywords": "invoice", "intent": "extraction"}})).routing.routers["auto"].rules
    assert (rule.match.keywords, rule.match.intent) == (("invoice",), ("extraction",))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"then": {"tier": "huge"}}, "rules.r.then.tier: no tier is called 'huge'; there are: small, big"),
        ({"then": {"model": "opus"}}, "rules.r.then.model: 'opus' is in no tier of this router"),
        ({"then": {}}, "expected one of tier, model, at_least, at_most"),
        ({"then": {"tier": "big", "model": "max"}}, "expected one of tier, model, at_least, at_most"),
        ({"then": {"at_least": "big"}}, "set `when: after`"),
        ({"match": {}}, "would match every prompt"),
        ({"match": {"keywords": ["?!"]}}, "letter or a digit"),
        ({"match": {"regex": "(a+)+b"}}, "could keep a request waiting"),
        ({"match": {"regex": "(?:ab|a){0,20}c"}}, "could keep a request waiting"),
        ({"match": {"regex": "("}}, "is no regular expression"),
        ({"match": {"intent": "coding"}}, "'code'"),
        ({"match": {"language": "xx"}}, "language"),
        ({"match": {"keywords": "a1", "similarity": 0.7}}, "there are none"),
        ({"match": {"likes": ["x"]}}, "did you mean like?"),
        ({"name": "has spaces"}, "name"),
    ],
)
def test_a_faulty_rule_is_told(rule: dict[str, Any], said: str) -> None:
    assert said in fault(block(rule))


def test_two_rules_of_one_name_are_told() -> None:
    rule = {"name": "r", "match": {"intent": "code"}, "then": {"tier": "big"}}
    given = {"routing": {"routers": {"auto": {"tiers": TIERS, "rules": [rule, rule]}}}}
    assert "rules.r: there are two of that name" in fault(given)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"scorer": "adapted"}, "adapted: is required by scorer: adapted"),
        ({"scorer": "judge"}, "judge: is required by scorer: judge"),
        ({"scorer": "judge", "judge": {"model": "auto"}}, "judge.model: auto is a router itself"),
        ({"scorer": "oracle"}, "'heuristic', 'trained', 'adapted' or 'judge'"),
    ],
)
def test_a_scorer_without_what_it_needs_is_told(more: dict[str, Any], said: str) -> None:
    assert said in fault(block(**more))


def test_a_router_may_have_a_scorer_of_its_own() -> None:
    given = block(judge={"model": "nano"})
    given["routing"]["routers"]["other"] = {"tiers": TIERS, "scorer": "judge"}
    assert parse(given).routing.scorers == {"heuristic", "judge"}
    del given["routing"]["judge"]
    assert "judge: is required by scorer: judge" in fault(given)


@pytest.mark.parametrize(
    ("given", "needs"),
    [
        (block(), False),
        (block(scorer="trained"), True),
        (block({"match": {"like": ["where is my order"]}}), True),
        (block(scorer="judge", judge={"model": "nano"}), False),
    ],
)
def test_embeddings_are_made_only_where_something_looks_at_them(given: dict[str, Any], needs: bool) -> None:
    assert parse(given).routing.needs_vectors is needs


def test_a_judge_that_is_not_in_the_model_list_is_told(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    names = [{"model_name": name} for name in ("auto", "nano", "max", "coder")]
    config.write_text(yaml.safe_dump({"model_list": names}))
    routing = parse(block(scorer="judge", judge={"model": "jugde"})).routing
    [problem] = unknown_models(routing, config)
    assert problem.endswith("routing.judge.model: 'jugde' is not in model_list")
