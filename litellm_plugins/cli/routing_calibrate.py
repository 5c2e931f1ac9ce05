"""`litellm-plugins routing calibrate`: thresholds of a router, from traffic that is like yours."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litellm_plugins.cli.eval_output import progress, run, tell

if TYPE_CHECKING:
    from litellm_plugins.routing.calibration import Goal, Traffic
    from litellm_plugins.routing.outcomes import OutcomeRow
    from litellm_plugins.routing.scoring import Scorer
    from litellm_plugins.settings.routing import Router, Routing

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_HELD_PART = 0.3
_FEWEST = 50  # rows of each part


@click.command("calibrate")
@click.option("--outcomes", "path", type=_FILE, required=True, help="JSON lines {prompt, outcomes?, cost?}.")
@click.option("--router", "name", required=True, help="Whose tiers and scorer, as the config names it.")
@click.option("--config", type=_FILE, default=Path("proxy_config.yaml"), show_default=True)
@click.option("--strong-share", type=click.FloatRange(0, 1), help="Wanted share of calls of the dearest tier.")
@click.option("--budget-usd", type=click.FloatRange(0, min_open=True), help="To be spent on --requests in all.")
@click.option("--requests", type=click.IntRange(1), help="How many requests --budget-usd is for.")
@click.option("--quality-floor", type=click.FloatRange(0, 1), help="As a share of the dearest tier's mean outcome.")
@click.option("--scorer", type=click.Choice(["heuristic", "trained", "adapted"]), help="Another than the config's.")
@click.option("--as", "names", multiple=True, help="TIER=NAME: what the file calls the model of a tier.")
@click.option("--price", "prices", multiple=True, help="TIER=USD a request, where the rows have no cost.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the resampling for the intervals.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; the YAML is in `yaml`.")
def calibrate(  # noqa: PLR0913, PLR0917 - an argument per option, as click hands them over
    path: Path,
    name: str,
    config: Path,
    strong_share: float | None,
    budget_usd: float | None,
    requests: int | None,
    quality_floor: float | None,
    scorer: str | None,
    names: tuple[str, ...],
    prices: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Thresholds that give a share of strong calls, keep a budget, or keep a floor of quality.

    They are found on 70 % of the rows; what they come to is told of the others.
    """
    from litellm_plugins.routing.calibration import Goal

    if sum(each is not None for each in (strong_share, budget_usd, quality_floor)) != 1:
        raise click.UsageError("one of --strong-share, --budget-usd and --quality-floor")
    if (budget_usd is None) != (requests is None):
        raise click.UsageError("--budget-usd and --requests belong together")
    a_request = None if budget_usd is None or requests is None else budget_usd / requests
    goal, routing = Goal(strong_share, a_request, quality_floor), _routing_of(config, name)
    by_tier = {
        option: _by_tier(given, routing.routers[name], option)
        for option, given in (("--as", names), ("--price", prices))
    }
    found = run(_calibrated(path, routing, name, scorer, goal, by_tier, seed))
    if as_json:
        tell(found, as_json=True)
        return
    tell({key: value for key, value in found.items() if key != "yaml"}, as_json=False)
    click.echo(found["yaml"])


async def _calibrated(
    path: Path,
    routing: Routing,
    name: str,
    scorer: str | None,
    goal: Goal,
    by_tier: dict[str, dict[str, str]],
    seed: int,
) -> dict[str, Any]:
    from litellm_plugins.evaluation.rows import read_rows
    from litellm_plugins.routing.calibration import CannotCalibrate, achieved, intervals, verdict
    from litellm_plugins.routing.calibration import calibrate as thresholds_for

    chosen, router = scorer or routing.scorer_of(name), routing.routers[name]
    built = _scorer(chosen, routing.adapted)
    usable = [row for row in read_rows(path, _parse) if row.prompt is not None]
    rows = [row for row in usable if not (hasattr(built, "has_seen") and built.has_seen(row.prompt))]
    trained_on = len(usable) - len(rows)
    rows, left_out = _useful(rows, router, goal, by_tier)
    parts = _split(rows)
    if min(map(len, parts)) < _FEWEST:
        why = (
            f"{trained_on} were trained on, {left_out} lack an outcome or a cost"
            if trained_on or left_out
            else "in all"
        )
        raise CannotCalibrate(
            f"{len(rows)} rows are too few: at least {_FEWEST} to fit and as many to hold back ({why})"
        )
    traffic = [await _traffic(built, part, router, by_tier) for part in parts]
    thresholds = thresholds_for(traffic[0], len(router.tiers), goal)
    held = achieved(traffic[1], thresholds) | intervals(traffic[1], thresholds, seed=seed)
    return {
        "router": name,
        "scorer": chosen,
        "goal": {key: getattr(goal, key) for key in goal.__slots__ if getattr(goal, key) is not None},
        "thresholds": list(thresholds),
        "tiers": [tier.name for tier in router.tiers],
        "rows": {"fit": len(parts[0]), "held": len(parts[1]), "trained_on": trained_on, "left_out": left_out},
        "fit": achieved(traffic[0], thresholds),
        "held": held,
        "verdict": verdict(goal, held),
        "yaml": _yaml(name, chosen, thresholds),
    }


def _parse(row: Any) -> OutcomeRow:  # noqa: ANN401 - a row as it stands in the file
    from litellm_plugins.routing.outcomes import parse

    return parse({"outcomes": {}, **row})  # to see shares, prompts are enough


def _routing_of(config: Path, name: str) -> Routing:
    from litellm_plugins.cli import config_file
    from litellm_plugins.errors import SettingsError

    try:
        ours = config_file.our_settings(config_file.load(config))
    except SettingsError as exc:
        raise click.ClickException("\n".join(exc.problems)) from exc
    routers = {} if ours is None else ours.routing.routers
    if ours is None or name not in routers:
        raise click.ClickException(f"{config}: no router is called {name!r}; there are: {', '.join(routers) or 'none'}")
    return ours.routing


def _by_tier(given: Sequence[str], router: Router, option: str) -> dict[str, str]:
    tiers = [tier.name for tier in router.tiers]
    found = {}
    for each in given:
        tier, _, value = each.partition("=")
        if tier not in tiers or not value:
            raise click.BadParameter(f"{each!r}: expected TIER=…, with a tier of {', '.join(tiers)}", param_hint=option)
        found[tier] = value
    if option == "--price":
        for tier, value in found.items():
            try:
                float(value)
            except ValueError:
                raise click.BadParameter(f"{tier}={value}: expected US dollars", param_hint=option) from None
    return found


def _scorer(name: str, fitted: str | None) -> Scorer:
    if name == "judge":
        raise click.ClickException("the judge names tiers itself: only its stand-in has thresholds; --scorer heuristic")
    if name == "adapted":
        from litellm_plugins.routing.scorers.adapted import read

        if fitted is None:
            raise click.ClickException("--scorer adapted: the config has no routing.adapted")
        return read(Path(fitted))
    from litellm_plugins.routing.scorers import build

    return build(name)


def _named(row_of: dict[str, float], router: Router, names: dict[str, str]) -> list[float] | None:
    """Of each tier's model; None where one is missing."""
    found = []
    for tier in router.tiers:
        known = [row_of[model] for model in (names.get(tier.name), *tier.models) if model in row_of]
        if not known:
            return None
        found.append(known[0])
    return found


def _useful(
    rows: list[OutcomeRow], router: Router, goal: Goal, by_tier: dict[str, dict[str, str]]
) -> tuple[list[OutcomeRow], int]:
    """Those that say what the goal is about, and how many do not. For a share every prompt does."""
    names, prices = by_tier["--as"], by_tier["--price"]
    if goal.quality_floor is not None:
        kept = [row for row in rows if _named(dict(row.outcomes), router, names) is not None]
    elif goal.usd_per_request is not None and len(prices) < len(router.tiers):
        kept = [row for row in rows if _named(dict(row.cost), router, names) is not None]
    else:
        kept = rows
    return kept, len(rows) - len(kept)


def _split(rows: list[OutcomeRow]) -> tuple[list[OutcomeRow], list[OutcomeRow]]:
    """To fit on, and to hold back: by the prompt, so that equal ones are on one side, and the same on every run."""
    from litellm_plugins.routing.outcomes import marks

    fit: list[OutcomeRow] = []
    held: list[OutcomeRow] = []
    for row in rows:
        mark = min(marks(row.prompt or ""), key=len)
        digest = hashlib.sha256(mark.encode("utf-8", "surrogatepass")).digest()
        (held if int.from_bytes(digest[:4]) < _HELD_PART * 2**32 else fit).append(row)
    return fit, held


async def _traffic(
    scorer: Scorer, rows: list[OutcomeRow], router: Router, by_tier: dict[str, dict[str, str]]
) -> Traffic:
    import numpy as np

    from litellm_plugins.embedding.local import LocalEmbedder
    from litellm_plugins.evaluation.routing import judge
    from litellm_plugins.routing.calibration import Traffic

    names, prices = by_tier["--as"], by_tier["--price"]
    embedder = LocalEmbedder()
    try:
        with progress("prompts", len(rows)) as advance:
            scored = await judge(
                scorer, [row.prompt or "" for row in rows], lambda text: _vector(embedder, text), advance
            )
    finally:
        await embedder.aclose()
    quality = [_named(dict(row.outcomes), router, names) for row in rows]
    usd = [_named(dict(row.cost), router, names) for row in rows]
    if len(prices) == len(router.tiers):
        usd = [[float(prices[tier.name]) for tier in router.tiers]] * len(rows)
    complete = [None if any(each is None for each in table) else np.array(table) for table in (quality, usd)]
    return Traffic(scored.values, *complete)


async def _vector(embedder: Any, text: str) -> Any:  # noqa: ANN401 - numpy, which is not loaded to show --help
    return (await embedder.embed(text)).vector


def _yaml(name: str, scorer: str, thresholds: Sequence[float]) -> str:
    told = ", ".join(f"{value:g}" for value in thresholds)
    return (
        "callback_settings:\n  litellm_plugins:\n    routing:\n      routers:\n"
        f"        {name}:\n          scorer: {scorer}\n          thresholds: [{told}]"
    )
