"""Reading the proxy's own config file, for commands that run without a proxy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from litellm_plugins import settings
from litellm_plugins.errors import SettingsError
from litellm_plugins.prompts.reading import read_prompts
from litellm_plugins.settings.named_models import models_budgeted, models_called
from litellm_plugins.settings.output import models_limited
from litellm_plugins.settings.prompts import models_prompted
from litellm_plugins.storage.extras import why_no_redis
from litellm_plugins.virtual_keys.live_keys import LiveKeys

_FROM_ENVIRONMENT = "os.environ/"
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


def prompt_problems(path: Path, ours: settings.Settings | None) -> list[str]:
    """What is wrong with the files that system prompts are read from, beside the config at `path`."""
    try:
        read_prompts({} if ours is None else ours.prompts, folder=path.parent, root=settings.ROOT)
    except SettingsError as exc:
        return list(exc.problems)
    return []


def our_settings(config: Mapping[str, Any]) -> settings.Settings | None:
    """Our block, checked; None when there is none. Raises: SettingsError."""
    block = _block(config, "callback_settings").get("litellm_plugins")
    return None if block is None else settings.parse(_resolved(block))


def host_problems(config: Mapping[str, Any], ours: settings.Settings | None) -> list[str]:
    """What in the host's own part keeps our settings from having effect."""
    problems = []
    if ours is not None and ours.storage.is_redis and (missing := why_no_redis()):
        problems.append(f"{settings.ROOT}.storage.url: {missing}")
    callbacks = _block(config, "litellm_settings").get("callbacks") or []
    if ours is not None and HANDLER not in callbacks:
        problems.append(f'litellm_settings.callbacks: add "{HANDLER}", or the settings have no effect')
    if ours is None:
        return problems
    if ours.virtual_keys.keys or ours.virtual_keys.file:
        problems += _key_problems(config, ours.virtual_keys)
    judge = ours.cache.semantic.judge
    if judge is not None and not _may_have(config, judge.model):
        problems.append(f"{settings.ROOT}.cache.semantic.judge.model: there is no {judge.model!r} in model_list")
    problems += _routing_problems(config, ours)
    problems += [
        f"{settings.ROOT}.{where}: {name!r} is not in model_list"
        for where, name in _models_named(ours)
        if not _may_have(config, name)
    ]
    if settings.cache_anywhere(ours) and _block(config, "litellm_settings").get("cache"):
        problems.append("litellm_settings.cache: set it to false: the pack brings its own cache")
    return problems


def _models_named(ours: settings.Settings) -> list[tuple[str, str]]:
    return [*models_called(ours), *models_budgeted(ours), *models_limited(ours), *models_prompted(ours)]


def _routing_problems(config: Mapping[str, Any], ours: settings.Settings) -> list[str]:
    """What would stop the proxy's boot, or leave a router without its models."""
    routing = ours.routing
    problems = [
        f"{settings.ROOT}.routing.{where}: {name!r} is not in model_list"
        for where, name in routing.models_named()
        if not _may_have(config, name)
    ]
    if routing.enabled and "adapted" in routing.scorers and routing.adapted is not None:
        from litellm_plugins.routing.scorers.adapted import read as read_fitted
        from litellm_plugins.routing.scorers.trained import ArtefactUnusable

        try:
            read_fitted(Path(routing.adapted))
        except ArtefactUnusable as exc:
            problems.append(f"{settings.ROOT}.routing.adapted: {routing.adapted}: {exc}")
    return problems


def _key_problems(config: Mapping[str, Any], keys: settings.VirtualKeys) -> list[str]:
    general = _block(config, "general_settings")
    problems = []
    if general.get("custom_auth") != AUTH:
        problems.append(f"general_settings.custom_auth: set it to {AUTH}, or the keys under virtual_keys are unknown")
    # Without both, the host does not enforce which models a key may use.
    if general.get("custom_auth_run_common_checks") is not True:
        problems.append(
            "general_settings.custom_auth_run_common_checks: set it to true, or no key's models are enforced"
        )
    if _block(config, "litellm_settings").get("enable_post_custom_auth_checks") is not True:
        problems.append(
            "litellm_settings.enable_post_custom_auth_checks: set it to true, or no key's models are enforced"
        )
    if general.get("disable_budget_reservation") is not True:
        problems.append(
            "general_settings.disable_budget_reservation: set it to true: without a database the host's own "
            "reservations are never settled, and refuse what no budget refuses"
        )
    try:
        LiveKeys(keys)
    except SettingsError as exc:
        problems += exc.problems
    return problems


def _may_have(config: Mapping[str, Any], model_group: str) -> bool:
    """False where the proxy cannot have such a model group: by name, alias, pattern, or out of its database."""
    general = _block(config, "general_settings")
    if general.get("store_model_in_db") or general.get("database_url") or config.get("include"):
        return True
    models = config.get("model_list")
    listed = [str(each.get("model_name")) for each in models or () if isinstance(each, Mapping)]
    aliases = _block(_block(config, "router_settings"), "model_group_alias")
    return model_group in aliases or any(fnmatchcase(model_group, name) for name in listed)


def _resolved(block: object) -> object:
    """The block with `storage.url` as the host would hand it over: it resolves os.environ/NAME everywhere."""
    if not isinstance(block, Mapping):
        return block
    storage = _block(block, "storage")
    url = storage.get("url")
    if not isinstance(url, str) or not url.startswith(_FROM_ENVIRONMENT):
        return block
    name = url.removeprefix(_FROM_ENVIRONMENT)
    if name not in os.environ:
        raise SettingsError([f"{settings.ROOT}.storage.url: the environment variable {name} is not set here"])
    return {**block, "storage": {**storage, "url": os.environ[name]}}


def _block(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    block = config.get(name)
    return block if isinstance(block, Mapping) else {}
