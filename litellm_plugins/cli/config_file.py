"""Reading the proxy's own config file, for commands that run without a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from litellm_plugins import settings
from litellm_plugins.errors import SettingsError

HANDLER = "litellm_plugins.proxy.handler"
AUTH = "litellm_plugins.proxy.virtual_key_auth"


def load(path: Path) -> Mapping[str, Any]:
    """The parsed file. Raises: SettingsError."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError([f"{path}: cannot be read: {exc}"]) from exc
    except yaml.YAMLError as exc:
        raise SettingsError([f"{path}: is not YAML: {exc}"]) from exc
    if not isinstance(config, Mapping):
        raise SettingsError([f"{path}: expected a mapping at the top, got {type(config).__name__}"])
    return config


def our_settings(config: Mapping[str, Any]) -> settings.Settings | None:
    """Our block, checked; None when there is none. Raises: SettingsError."""
    block = _block(config, "callback_settings").get("litellm_plugins")
    return None if block is None else settings.parse(block)


def host_problems(config: Mapping[str, Any], ours: settings.Settings | None) -> list[str]:
    """What in the host's own part keeps our settings from having effect."""
    problems = []
    callbacks = _block(config, "litellm_settings").get("callbacks") or []
    if ours is not None and HANDLER not in callbacks:
        problems.append(f'litellm_settings.callbacks: add "{HANDLER}", or the settings have no effect')
    if ours is None:
        return problems
    general = _block(config, "general_settings")
    if ours.virtual_keys.keys:
        if general.get("custom_auth") != AUTH:
            problems.append(
                f"general_settings.custom_auth: set it to {AUTH}, or the keys under virtual_keys are unknown"
            )
        # Without both, the host does not enforce which models a key may use.
        if general.get("custom_auth_run_common_checks") is not True:
            problems.append(
                "general_settings.custom_auth_run_common_checks: set it to true, or no key's models are enforced"
            )
        if _block(config, "litellm_settings").get("enable_post_custom_auth_checks") is not True:
            problems.append(
                "litellm_settings.enable_post_custom_auth_checks: set it to true, or no key's models are enforced"
            )
    if settings.cache_anywhere(ours) and _block(config, "litellm_settings").get("cache"):
        problems.append("litellm_settings.cache: set it to false: the pack brings its own cache")
    return problems


def _block(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    block = config.get(name)
    return block if isinstance(block, Mapping) else {}
