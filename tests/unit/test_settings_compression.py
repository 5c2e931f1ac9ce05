"""The block `compression`, and who may differ."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity
from litellm_plugins.settings import Policies, compression_anywhere, parse

_ROUTERS = {"auto": {"tiers": [{"name": "simple", "models": ["mini"]}, {"name": "complex", "models": ["big"]}]}}


def test_it_is_off_unless_somebody_asks_for_it() -> None:
    assert not compression_anywhere(parse({}))
    for block in (
        {"compression": {"enabled": True}},
        {"per_team": {"a": {"compression": {"enabled": True}}}},
        {"compression": {"features": {"rag": {"enabled": True}}}},
        {"per_key": {"k": {"compression": {"features": {"rag": {"enabled": True}}}}}},
    ):
        assert compression_anywhere(parse(block))


def test_the_narrower_wins_and_a_feature_is_the_narrowest() -> None:
    policies = Policies(
        parse(
            {
                "compression": {"enabled": True, "min_saved": "10%", "features": {"rag": {"min_tokens": 7}}},
                "per_model": {"m": {"compression": {"min_tokens": 1, "deadline_ms": 9}}},
                "per_team": {"t": {"compression": {"min_tokens": 2, "features": {"law": {"enabled": False}}}}},
                "per_key": {"k": {"compression": {"tools": False}}},
            }
        )
    )
    narrow = policies.compression_for(Identity(key_id="k", team_id="t"), "m", "")
    assert (narrow.min_tokens, narrow.deadline_ms, narrow.tools, narrow.min_saved) == (2, 9, False, 0.1)
    assert policies.compression_for(Identity(team_id="t"), "m", "rag").min_tokens == 7
    assert not policies.compression_for(Identity(team_id="t"), "m", "law").enabled
    assert policies.compression_for(Identity(team_id="other"), "other", "law").enabled


def test_a_part_of_a_methods_block_may_be_named_and_the_rate_goes_by_tier() -> None:
    policies = Policies(
        parse(
            {
                "compression": {
                    "methods": ["lossless", "extractive"],
                    "rate": "40%",
                    "rate_by_tier": {"simple": 0.3},
                    "extractive": {"strict": False},
                    "features": {"rag": {"extractive": {"embeddings": True}}},
                },
                "routing": {"routers": _ROUTERS},
                "per_key": {
                    "k": {"compression": {"rate": 0.6, "features": {"rag": {"rate_by_tier": {"simple": 0.6}}}}}
                },
            }
        )
    )
    rag = policies.compression_for(Identity(team_id="t"), "m", "rag").extractive
    assert (rag.embeddings, rag.strict) == (True, False)
    base = policies.compression_for(Identity(key_id="k"), "m", "")
    assert (base.extractive.embeddings, base.extractive.strict) == (False, False)
    assert (base.rate_for("simple"), base.rate_for("complex"), base.rate_for("")) == (0.3, 0.6, 0.6)
    assert policies.compression_for(Identity(key_id="k"), "m", "rag").rate_for("simple") == 0.6


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ({"compression": {"methods": ["zip"]}}, "compression.methods.0: "),
        ({"compression": {"methods": []}}, "compression.methods: "),
        ({"compression": {"methods": ["lossless", "lossless"]}}, "method given twice: lossless"),
        ({"compression": {"min_token": 3}}, "did you mean min_tokens?"),
        ({"compression": {"min_saved": "much"}}, "expected a share"),
        ({"compression": {"rate": 1.5}}, "compression.rate: "),
        ({"compression": {"rate_by_tier": {"simple": "half"}}}, "compression.rate_by_tier.simple: "),
        ({"compression": {"extractive": {"embedding": True}}}, "did you mean embeddings?"),
        (
            {"compression": {"features": {"rag": {"extractive": {"strikt": True}}}}},
            "compression.features.rag.extractive.strikt: unknown setting; did you mean strict?",
        ),
        ({"compression": {"methods": ["llmlingua"]}}, "llmlingua: say where it runs (url)"),
        ({"compression": {"llmlingua": {"url": "localhost:1"}}}, "compression.llmlingua.url: "),
        ({"compression": {"llmlingua": {"device": "tpu"}}}, "compression.llmlingua.device: "),
        (
            {"compression": {"features": {"rag": {"min_token": 3}}}},
            "compression.features.rag.min_token: unknown setting; did you mean min_tokens?",
        ),
        ({"compression": {"features": {"rag": {"features": {}}}}}, "features.rag: a feature has none of its own"),
        ({"per_team": {"a": {"compression": {"deadline_ms": 0}}}}, "per_team.a.compression.deadline_ms: "),
        ({"per_key": {"a": {"compression": {"tool": True}}}}, "per_key.a.compression.tool: unknown setting"),
    ],
)
def test_faults_are_named_with_their_place(block: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(block)
    assert fault in "\n".join(raised.value.problems)


_SMPLE = {"rate_by_tier": {"simple": 0.4, "smple": 0.4}}


@pytest.mark.parametrize(
    ("block", "at"),
    [
        ({"compression": _SMPLE}, "compression"),
        ({"compression": {"features": {"rag": _SMPLE}}}, "compression.features.rag"),
        ({"per_team": {"a": {"compression": _SMPLE}}}, "per_team.a.compression"),
        (
            {"per_key": {"sk-1": {"compression": {"features": {"rag": _SMPLE}}}}},
            "per_key.sk-***.compression.features.rag",
        ),
    ],
)
def test_a_rate_of_a_tier_that_no_router_has_is_a_fault(block: dict[str, Any], at: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse({"routing": {"routers": _ROUTERS}, **block})
    (problem,) = raised.value.problems
    assert problem.endswith(f".{at}.rate_by_tier.smple: no router has a tier 'smple'; there are: simple, complex")
