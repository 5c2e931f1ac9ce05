"""`litellm-plugins check`: is the config right, and what is on?"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from litellm_plugins.cli import config_file
from litellm_plugins.cli.run import read_env_file
from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import Semantic, Settings, Storage, VirtualKeys, prompt_caching_anywhere
from litellm_plugins.settings.compression import Compression
from litellm_plugins.settings.early_stop import EarlyStop
from litellm_plugins.settings.insight import Insight
from litellm_plugins.settings.output import Output
from litellm_plugins.settings.review import Review
from litellm_plugins.settings.routing import Routing
from litellm_plugins.virtual_keys.reading import read_keys

_SINKS = ("headers", "log", "prometheus", "langfuse")


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), default=Path("proxy_config.yaml"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(path: Path, as_json: bool) -> None:
    """Check a proxy config without starting anything, and print what is on."""
    problems: list[str] = []
    settings: Settings | None = None
    try:
        config = config_file.load(path)
        settings = config_file.our_settings(config)
        problems = [*config_file.host_problems(config, settings), *config_file.prompt_problems(path, settings)]
    except SettingsError as exc:
        problems = list(exc.problems)
    if as_json:
        features = _features(settings) if settings else {}
        click.echo(json.dumps({"ok": not problems, "problems": problems, "features": features}, indent=2))
    else:
        _print(path, problems, settings)
    if problems:
        raise SystemExit(1)


def _print(path: Path, problems: list[str], settings: Settings | None) -> None:
    for problem in problems:
        click.echo(problem, err=True)
    if settings is None and not problems:
        click.echo(f"{path}: no callback_settings.litellm_plugins block: the pack does nothing")
    if settings is not None:
        for name, value in _features(settings).items():
            click.echo(f"{name:<16} {value}")
        if not problems:
            click.echo(f"{path}: ok")


def _features(settings: Settings) -> dict[str, Any]:
    cache = settings.cache
    overrides = [
        f"{table.removeprefix('per_')} {name}"
        for table in ("per_team", "per_key", "per_model")
        for name in getattr(settings, table)
    ]
    return {
        "storage": _storage(settings.storage),
        "encryption": ", ".join(["on", *map(_variable, settings.storage.encryption_keys_env)])
        if settings.storage.encryption_keys_env
        else "off",
        "cache": f"on, per {cache.scope}, {cache.ttl_s:g} s" if cache.enabled else "off",
        "cache.exact": _on(cache.enabled and cache.exact.enabled),
        "cache.semantic": (
            f"on, {_how_sure(cache.semantic)}, embedder {cache.semantic.embedder}"
            if cache.enabled and cache.semantic.enabled
            else "off"
        ),
        "cache.judge": _judge(cache.semantic) if cache.enabled and cache.semantic.enabled else "off",
        "events": f"on, signed with {_variable(settings.events.secret_env)}" if settings.events.secret_env else "off",
        "coalesce": _on(settings.coalesce.enabled and cache.enabled),
        "routing": _routing(settings.routing),
        "prompts": ", ".join(f"{name} ({len(each.sections)} sections)" for name, each in settings.prompts.items())
        or "off",
        "compression": _compression(settings.compression),
        "prompt_caching": _prompt_caching(settings),
        "output": _output(settings.output),
        "early_stop": _early_stop(settings.early_stop),
        "virtual_keys": _keys(settings.virtual_keys),
        "budgets": ", ".join(budget.name for budget in settings.budgets) or "off",
        "batch": f"on, for {', '.join(settings.batch.models)}" if settings.batch.enabled else "off",
        "alerts": _alerts(settings) or "off",
        "admission": _on(settings.admission.enabled),
        "review": _review(settings.review) if settings.review.enabled else "off",
        "ui": "on, at /plugins/ui" if settings.ui.enabled else "off",
        "insight": _insight(settings.insight),
        "telemetry": ", ".join(name for name in _SINKS if getattr(settings.telemetry, name)) or "off",
        "overrides": ", ".join(overrides) or "none",
    }


def _alerts(settings: Settings) -> str:
    hooks = settings.alerts.webhooks
    return ", ".join(_variable(name) for hook in hooks for name in (hook.url_env, hook.secret_env) if name)


def _review(review: Review) -> str:
    told = [f"on, {review.control_share:.2%} drawn by chance", f"thumbs {review.thumbs}"]
    told += ["no texts kept"] if not review.keep_text else []
    told += [f"judge {review.judge.model}"] if review.judge is not None else []
    told += [f"Langfuse every {review.langfuse.every_minutes:g} min"] if review.langfuse.enabled else []
    return ", ".join(told)


def _variable(name: str) -> str:
    """The proxy may be started elsewhere: what is not set here may be there."""
    known = name in os.environ or name in read_env_file(Path(".env"))
    return name if known else f"{name} (not set here)"


def _keys(keys: VirtualKeys) -> str:
    told = f"{len(keys.keys)} keys of {len(keys.teams)} teams"
    if keys.file is None:
        return told if keys.keys else "off"
    try:
        filed = read_keys(Path(keys.file))
    except SettingsError:
        return f"{told}, and {keys.file}, which cannot be used"
    return f"{told}, and {len(filed.keys)} keys of {len(filed.teams)} teams in {keys.file}"


def _routing(routing: Routing) -> str:
    if not (routing.enabled and routing.routers):
        return "off"
    told = ", ".join(
        f"{name} ({routing.scorer_of(name)}: {', '.join(tier.name for tier in router.tiers)})"
        for name, router in routing.routers.items()
    )
    return told if routing.mode == "active" else f"{told}; {routing.mode}"


def _compression(compression: Compression) -> str:
    said = [f"{name}: {_on(compression.of_feature(name).enabled)}" for name in compression.features]
    if not compression.enabled:
        return ", ".join(["off", *said])
    tools = ["tools"] if compression.tools else []
    old = compression.history
    turns = [] if old.max_tokens is None else [f"old turns: {old.how} beyond {old.max_tokens} tokens"]
    rate = [] if compression.methods == ("lossless",) else [f"rate {compression.rate:g}"]
    least = f"from {compression.min_tokens} tokens"
    return ", ".join(["on", *compression.methods, *rate, *tools, least, *turns, *said])


def _prompt_caching(settings: Settings) -> str:
    mine = settings.prompt_caching
    if mine.enabled:
        return f"on, ttl {mine.ttl}"
    return "on for some" if prompt_caching_anywhere(settings) else "off"


def _output(output: Output) -> str:
    if not output.enabled:
        return "off"
    most = "on" if output.max_tokens is None else f"on, at most {output.max_tokens} tokens"
    return ", ".join([most, *(f"feature {name}" for name in output.features), *(f"model {n}" for n in output.models)])


def _early_stop(stop: EarlyStop) -> str:
    features = ", ".join(sorted(stop.features))
    told = _on(stop.enabled)
    return f"{told}; differs for {features}" if features else told


def _insight(insight: Insight) -> str:
    if not insight.enabled:
        return "off"
    return f"on, {insight.keep_days} days, anomalies {_on(insight.anomalies.enabled)}"


def _judge(semantic: Semantic) -> str:
    judge = semantic.judge
    return "off" if judge is None else f"{judge.model}, at most {judge.budget_usd_per_day:f} US dollars a day"


def _storage(storage: Storage) -> str:
    bound = f"keys {storage.key_prefix}:*" if storage.is_redis else f"at most {storage.max_size_mb} MB"
    return f"{storage.shown_url}, {bound}"


def _on(value: bool) -> str:
    return "on" if value else "off"


def _how_sure(semantic: Semantic) -> str:
    if semantic.threshold is not None:
        return f"threshold {semantic.threshold:g}"
    return f"at most {semantic.max_error_rate:.2%} wrong answers"
