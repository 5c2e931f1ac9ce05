"""The user's config as the demo runs it: what must differ on a machine without keys, and nothing else. Pure.

Nothing here may reach a real provider, a real database or a real dashboard, whatever the config names: a demo
that bills somebody, or fills their traces, would be a bad surprise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litellm_plugins.demo.failure import DemoFailed
from litellm_plugins.settings import Settings, parse
from litellm_plugins.virtual_keys.key_ring import hash_of

_HANDLER = "litellm_plugins.proxy.handler"
_AUTH = "litellm_plugins.proxy.virtual_key_auth"
_KEPT_CALLBACKS = (_HANDLER, "prometheus")  # all others report to somewhere else
_THRESHOLD = 0.92
_OUTWARD = ("fallbacks", "callback", "redis", "cache")  # in the names of settings that lead off this machine


@dataclass(frozen=True, slots=True)
class Overlay:
    """`config` is what the proxy is started on; `notes` say what a reader may not expect."""

    config: dict[str, Any]
    settings: Settings
    priced_as: str  # the name of the asked model in LiteLLM's price list
    notes: tuple[str, ...]


def overlay(config: Mapping[str, Any], *, model: str, secrets: Mapping[str, str], database: str) -> Overlay:
    """`config` with `secrets` (team to key) as its keys and `model` sent to $OPENAI_BASE_URL.

    Raises: DemoFailed, where the config has no such model. SettingsError.
    """
    block = dict(_mapping(_mapping(config, "callback_settings"), "litellm_plugins"))
    block["storage"] = {**_mapping(block, "storage"), "url": f"sqlite:///{database}"}
    block["virtual_keys"] = _virtual_keys(secrets, model)
    # Without the headers there is nothing to count.
    block["telemetry"] = {**_mapping(block, "telemetry"), "headers": True}
    parse(block)  # tells every mistake in the user's block before anything of it is replaced
    notes = [*_localise(block), *_at_once(block)]
    models, priced_as = _models(config.get("model_list"), model)
    changed = {
        "model_list": models,
        "router_settings": _inward(_mapping(config, "router_settings")),
        "general_settings": {
            "master_key": "os.environ/LITELLM_MASTER_KEY",
            "custom_auth": _AUTH,
            "custom_auth_run_common_checks": True,
            "disable_budget_reservation": True,
        },
        "litellm_settings": {
            **_inward(_mapping(config, "litellm_settings")),
            "callbacks": [each for each in _callbacks(config) if each in _KEPT_CALLBACKS],
            "enable_post_custom_auth_checks": True,
        },
        "callback_settings": {"litellm_plugins": block},
    }
    return Overlay(changed, parse(block), priced_as, tuple(notes))


def _models(listed: object, model: str) -> tuple[list[Any], str]:
    """The whole list, with the asked model's deployments pointed at the simulator."""
    models: list[Any] = []
    names: list[str] = []
    for entry in listed if isinstance(listed, Sequence) else ():
        if not isinstance(entry, Mapping) or entry.get("model_name") != model:
            models.append(entry)
            continue
        params = _mapping(entry, "litellm_params")
        provider, _, name = str(params.get("model", "")).rpartition("/")
        if provider in {"", "openai"}:  # the simulator does not speak other protocols yet
            here = {"api_base": "os.environ/OPENAI_BASE_URL", "api_key": "os.environ/OPENAI_API_KEY"}
            models.append({**entry, "litellm_params": {**params, **here}})
            names.append(name)
    if not names:
        raise DemoFailed(f"the config has no model {model} of provider openai; name another with --model")
    return models, names[0]


def _virtual_keys(secrets: Mapping[str, str], model: str) -> dict[str, Any]:
    return {
        "teams": [{"id": team, "models": [model]} for team in secrets],
        "keys": [
            {"name": f"{team}-demo", "team": team, "hash": f"sha256:{hash_of(secret)}"}
            for team, secret in secrets.items()
        ],
    }


def _localise(block: dict[str, Any]) -> list[str]:
    cache = _mapping(block, "cache")
    semantic = _mapping(cache, "semantic")
    embedder = semantic.get("embedder", "local")
    if embedder == "local":
        return []
    block["cache"] = {**cache, "semantic": {**semantic, "embedder": "local"}}
    return [f"embedder {embedder} asks a provider: the demo uses the local one instead"]


def _at_once(block: dict[str, Any]) -> list[str]:
    cache = _mapping(block, "cache")
    semantic = _mapping(cache, "semantic")
    if semantic.get("threshold") is not None or semantic.get("enabled") is False:
        return []
    fixed = {name: value for name, value in semantic.items() if name != "max_error_rate"} | {"threshold": _THRESHOLD}
    block["cache"] = {**cache, "semantic": fixed}
    few = (
        f"max_error_rate is learnt over thousands of requests: for these few the demo takes the threshold {_THRESHOLD}"
    )
    return [f"{few} (`litellm-plugins eval stream` shows the promise at work)"]


def _inward(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if not any(word in name for word in _OUTWARD)}


def _callbacks(config: Mapping[str, Any]) -> list[Any]:
    named = _mapping(config, "litellm_settings").get("callbacks") or []
    return [named] if isinstance(named, str) else list(named)


def _mapping(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    child = parent.get(name)
    return child if isinstance(child, Mapping) else {}
