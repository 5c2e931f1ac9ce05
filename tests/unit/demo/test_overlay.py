"""The user's config as the demo runs it: theirs in what it shows, harmless in what it reaches."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from litellm_plugins.demo import DemoFailed
from litellm_plugins.demo.overlay import Overlay, overlay
from litellm_plugins.errors import SettingsError
from litellm_plugins.virtual_keys.key_ring import KeyRing

SHIPPED = Path(__file__).resolve().parents[3] / "proxy_config.yaml"
SECRETS = {"support": "sk-lp-one", "mobile": "sk-lp-two"}


def overlaid(model: str = "gpt-4.1", **changes: Any) -> Overlay:
    config = yaml.safe_load(SHIPPED.read_text(encoding="utf-8")) | changes
    return overlay(config, model=model, secrets=SECRETS, database="/tmp/x/demo.db")


def test_the_asked_model_goes_to_the_simulator_and_is_priced_by_its_name() -> None:
    made = overlaid()
    (asked,) = [entry for entry in made.config["model_list"] if entry["model_name"] == "gpt-4.1"]
    assert asked["litellm_params"]["api_base"] == "os.environ/OPENAI_BASE_URL"
    assert made.priced_as == "gpt-4.1"


def test_a_model_that_is_not_there_or_not_openais_is_refused_by_name() -> None:
    for model in ("gpt-5-nonesuch", "claude-sonnet"):
        with pytest.raises(DemoFailed, match=model):
            overlaid(model)


def test_each_team_holds_its_key_by_hash_and_no_secret_is_in_the_config() -> None:
    made = overlaid()
    ring = KeyRing.of(made.settings.virtual_keys)
    for team, secret in SECRETS.items():
        holder = ring.find(secret)
        assert holder is not None
        assert (holder.key.team, holder.team_models) == (team, ("gpt-4.1",))
        assert secret not in yaml.safe_dump(made.config)


def test_cache_settings_stay_as_the_user_wrote_them_but_the_database_is_the_demos() -> None:
    block = {"cache": {"enabled": True, "semantic": {"threshold": 0.8}}, "storage": {"max_size_mb": 7}}
    settings = overlaid(callback_settings={"litellm_plugins": block}).settings
    assert settings.cache.semantic.threshold == 0.8
    assert settings.storage.max_size_mb == 7
    assert str(settings.storage.path) == "/tmp/x/demo.db"


def test_headers_are_on_since_the_numbers_are_read_from_them() -> None:
    block = {"telemetry": {"headers": False, "log": False}}
    telemetry = overlaid(callback_settings={"litellm_plugins": block}).settings.telemetry
    assert telemetry.headers
    assert not telemetry.log


def test_a_providers_embedder_is_replaced_and_the_reader_is_told() -> None:
    block = {"cache": {"enabled": True, "semantic": {"embedder": "text-embedding-3-small"}}}
    made = overlaid(callback_settings={"litellm_plugins": block})
    assert made.settings.cache.semantic.embedder == "local"
    assert "text-embedding-3-small" in made.notes[0]


def test_nothing_of_the_users_is_reached_no_peer_no_database_no_dashboard_no_other_cache() -> None:
    made = overlaid(
        router_settings={"num_retries": 2, "fallbacks": [{"gpt-4.1": ["claude"]}], "redis_host": "r"},
        general_settings={"database_url": "postgresql://theirs", "background_health_checks": True},
        litellm_settings={
            "callbacks": ["langfuse_otel", "prometheus", "litellm_plugins.proxy.handler"],
            "success_callback": ["datadog"],
            "default_fallbacks": ["claude"],
            "cache_params": {"type": "redis"},
            "drop_params": True,
        },
        environment_variables={"OPENAI_BASE_URL": "https://api.openai.com"},
    ).config
    written = yaml.safe_dump({name: value for name, value in made.items() if name != "model_list"})
    for gone in ("claude", "redis", "postgresql", "health", "langfuse_otel", "datadog", "api.openai.com"):
        assert gone not in written
    assert made["router_settings"] == {"num_retries": 2}
    assert made["litellm_settings"]["callbacks"] == ["prometheus", "litellm_plugins.proxy.handler"]
    assert made["litellm_settings"]["drop_params"] is True


def test_a_mistake_in_the_users_settings_is_told_as_at_boot() -> None:
    block = {"cache": {"semantic": {"max_eror_rate": 0.01}}}
    with pytest.raises(SettingsError, match="did you mean max_error_rate"):
        overlaid(callback_settings={"litellm_plugins": block})


def test_a_config_without_our_block_gives_no_hits_but_keys_still_work() -> None:
    settings = overlaid(callback_settings={}).settings
    assert not settings.cache.enabled
    assert len(settings.virtual_keys.keys) == 2


def test_a_promise_gives_way_to_a_threshold_and_that_is_said() -> None:
    """A few hundred requests are too few to learn from; what the user fixed, or switched off, stays."""

    def with_semantic(semantic: dict[str, Any]) -> tuple[Any, int]:
        block = {"cache": {"enabled": True, "semantic": semantic}}
        made = overlaid(callback_settings={"litellm_plugins": block})
        return made.settings.cache.semantic, sum("max_error_rate" in note for note in made.notes)

    promised, told = with_semantic({"max_error_rate": 0.02})
    assert (promised.threshold, told) == (0.92, 1)
    assert with_semantic({"threshold": 0.8})[0].threshold == 0.8
    assert with_semantic({"enabled": False}) == (with_semantic({"enabled": False})[0], 0)
