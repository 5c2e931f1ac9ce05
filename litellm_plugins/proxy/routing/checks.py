"""Whether the models that routers name are in the host's config, told at boot and not by the first request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from litellm_plugins.settings import ROOT, Settings
from litellm_plugins.settings.named_models import models_called
from litellm_plugins.settings.output import models_limited
from litellm_plugins.settings.prompts import models_prompted
from litellm_plugins.settings.routing import Routing


def unknown_models(routing: Routing, config: Path | None) -> list[str]:
    """A fault for each name that the host will not know; none where it may learn of models elsewhere."""
    if not routing.routers or config is None:
        return []
    known = model_names(config)
    if known is None:
        return []
    return [
        f"{ROOT}.routing.{where}: {model!r} is not in model_list"
        for where, model in routing.models_named()
        if model not in known
    ]


def unknown_limited(settings: Settings, config: Path | None) -> list[str]:
    """The same of models that are degraded to, sum up or judge, whose answers are limited, or that prompts name."""
    named = [*models_called(settings), *models_limited(settings), *models_prompted(settings)]
    known = model_names(config) if named and config is not None else None
    if known is None:
        return []
    return [f"{ROOT}.{where}: {model!r} is not in model_list" for where, model in named if model not in known]


def model_names(config: Path) -> set[str] | None:
    """Those of the file; None where there may be more than those."""
    try:
        loaded: Any = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(loaded, Mapping) or not isinstance(loaded.get("model_list"), list):
        return None
    general, router = (_mapping(loaded.get(block)) for block in ("general_settings", "router_settings"))
    names = {str(_mapping(each).get("model_name")) for each in loaded["model_list"]}
    elsewhere = loaded.get("include") or general.get("store_model_in_db") or general.get("database_url")
    if elsewhere or any("*" in name for name in names):
        return None
    return names | set(_mapping(router.get("model_group_alias")))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
