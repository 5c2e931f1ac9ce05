"""A proxy config for tests: three teams with keys, models of the local provider, the pack switched on."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from litellm_plugins.virtual_keys.key_ring import hash_of, new_secret

Via = Literal["openai", "anthropic", "text-completion-openai"]
PACK = "litellm_plugins"
MASTER_KEY = "sk-test-" + secrets.token_hex(24)
# What the tests' machine needs to be judged by answers and not by its speed: two cores that others use, too.
_PATIENT_LOOKUP_MS = 10_000


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets of the virtual keys in every config of a run, by holder."""

    support: str  # of team support, as is the next
    support_colleague: str
    sales: str
    legal: str
    freelancer: str  # of no team, as is the next
    other_freelancer: str
    mini_only: str  # of team support, may ask gpt-4.1-mini only

    def all(self) -> tuple[str, ...]:
        """Every secret."""
        return tuple(getattr(self, field.name) for field in fields(self))


KEYS = Keys(*(new_secret() for _ in fields(Keys)))
_TEAM_OF = {
    "support": "support",
    "support_colleague": "support",
    "sales": "sales",
    "legal": "legal",
    "mini_only": "support",
}


def proxy_config(
    provider_url: str,
    *,
    pack: Mapping[str, Any] | None = None,
    more_models: Sequence[Mapping[str, Any]] = (),
    **pieces: Any,
) -> dict[str, Any]:
    """The config of a proxy whose models live at `provider_url`.

    `pack` is merged into the block `callback_settings.litellm_plugins`, each of `pieces` into the top-level
    block of its name (mappings are merged, everything else replaces). The model `fragile` always fails and
    falls back to gpt-4.1-mini. `more_models` (see `model`) join the model list.
    """
    config = _base(provider_url)
    config["model_list"] += [dict(each) for each in more_models]
    config["callback_settings"][PACK] = _merged(config["callback_settings"][PACK], pack or {})
    return _merged(config, pieces)


def model(
    name: str, provider_url: str, of: str | None = None, *, via: Via = "openai", **parameters: Any
) -> dict[str, Any]:
    """An entry of the model list: `name` is answered by the provider's model `of`, else by its namesake.

    `via` is the host's name for the protocol that it speaks with the provider.
    """
    # The host adds the rest of the path itself, for Anthropic with the version.
    api_base = provider_url if via == "anthropic" else f"{provider_url}/v1"
    where = {"api_base": api_base, "api_key": "os.environ/OPENAI_API_KEY"}
    return {"model_name": name, "litellm_params": {"model": f"{via}/{of or name}", **where, **parameters}}


def without_pack(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same config without the pack's block, and so without its keys: the master key is the only one."""
    bare = copy.deepcopy(dict(config))
    del bare["callback_settings"][PACK]
    del bare["general_settings"]["custom_auth"]
    return bare


def write_config(folder: Path, config: Mapping[str, Any]) -> Path:
    """`folder`/config.yaml with `config` in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")
    return path


def _base(provider_url: str) -> dict[str, Any]:
    return {
        "model_list": [
            model("gpt-4.1", provider_url),
            model("gpt-4.1-mini", provider_url),
            model("fragile", provider_url, "gpt-4.1", extra_headers={"x-simulator-fault": "error:500"}),
            _embedder("text-embedding-3-small", provider_url),
        ],
        "router_settings": {
            "num_retries": 0,
            "disable_cooldowns": True,
            "fallbacks": [{"fragile": ["gpt-4.1-mini"]}],
        },
        "general_settings": {
            "master_key": "os.environ/LITELLM_MASTER_KEY",
            "custom_auth": "litellm_plugins.proxy.virtual_key_auth",
            "custom_auth_run_common_checks": True,
            "disable_budget_reservation": True,
        },
        "litellm_settings": {
            "callbacks": ["prometheus", "litellm_plugins.proxy.handler"],
            "enable_post_custom_auth_checks": True,
            "drop_params": True,
        },
        "callback_settings": {
            PACK: {
                "cache": {
                    "enabled": True,
                    "lookup_timeout_ms": _PATIENT_LOOKUP_MS,
                    "semantic": {"threshold": 0.92},
                    "volatility": {"features": {"help-desk": "faq"}},
                },
                "virtual_keys": {
                    "teams": [{"id": "support"}, {"id": "sales"}, {"id": "legal", "alias": "Legal"}],
                    "keys": [_key(field.name) for field in fields(Keys)],
                },
            }
        },
    }


def _embedder(name: str, provider_url: str) -> dict[str, Any]:
    return {**model(name, provider_url), "model_info": {"mode": "embedding"}}


def _key(holder: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": holder, "hash": f"sha256:{hash_of(getattr(KEYS, holder))}"}
    if holder in _TEAM_OF:
        entry["team"] = _TEAM_OF[holder]
    if holder == "mini_only":
        entry["models"] = ["gpt-4.1-mini"]
    return entry


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(below, value) if both and below is not None else copy.deepcopy(value)
    return merged
