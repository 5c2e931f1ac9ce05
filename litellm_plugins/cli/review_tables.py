"""How the report of reviews looks on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from litellm_plugins.cli.connection import plain

if TYPE_CHECKING:
    from rich.console import Console

_PROMOTIONS = 20  # that are shown


def show(told: Mapping[str, Any], out: Console) -> None:
    """Each part as a table."""
    precision = told["precision"]
    rows = [("all hits", precision["all"])]
    rows += [(f"layer {name}", each) for name, each in precision["by_layer"].items()]
    rows += [(f"team {name or '(none)'}", each) for name, each in precision["by_team"].items()]
    rows += [(f"tier {each['name']}", each) for each in told["quality"]["by_tier"]]
    rows += [(f"arm {each['name']}", each) for each in told["quality"]["by_arm"]]
    table = Table("of", "sampled", "judged", "right", "95 % interval", "p", title="from the control sample")
    for name, each in rows:
        test = each.get("test")
        between = "-" if each["low"] is None else f"{each['low']:.1%} to {each['high']:.1%}"
        chance = "" if test is None else f"{test['p']:.3f}"
        table.add_row(name, str(each["sampled"]), str(each["judged"]), _share(each["right"]), between, chance)
    out.print(table)
    _promotions(told["promotions"], out)
    for each in told["promises"]:
        between = "" if each["low"] is None else f": {each['low']:.2%} to {each['high']:.2%} of requests"
        out.print(f"promise of {each['promised']:.2%} wrong answers per request: {each['state']}{between}")
    done = ", ".join(f"{name} {count}" for name, count in sorted(told["effects"].items())) or "none"
    said = ", ".join(
        f"{each['kind']} {each['verdict']} ({each['source']}) {each['count']}" for each in told["verdicts"]["rows"]
    )
    thumbs = ", ".join(f"{name} {count}" for name, count in sorted(told["thumbs"].items())) or "none"
    out.print(f"verdicts: {told['verdicts']['count']}{said and ': '}{said}; thumbs: {thumbs}")
    out.print(f"effects: {done}")
    for each in told.get("rates", ()):
        family = plain(f"{each['feature'] or 'no feature'}, {each['model_group']}")
        out.print(f"compression of {family}: {each['factor']:.0%} of what the settings take out")
    judge = told["judge"]
    if judge["compared"]:
        wrong = judge["of_wrong"]
        out.print(
            f"the judge agrees with people in {judge['agreed']} of {judge['compared']} ({judge['low']:.1%} to "
            f"{judge['high']:.1%}); of what they found wrong in {wrong['agreed']} of {wrong['compared']}"
        )
    out.print(f"labels: {told['labels'].get('verifier', '-')}, of people {told['labels'].get('of_people', 0)}")


def _promotions(told: Mapping[str, Any], out: Console) -> None:
    """Of each verifier and router that took over: the newest ones."""
    found = [(kind, each) for kind in ("verifier", "router") for each in told[kind]]
    rows = sorted(found, key=lambda row: -row[1]["at_s"])
    if not rows:
        return
    table = Table(
        "took over", "since", "of", "before: right", "after: right", "difference", "hits before", "hits after",
        title="before and after",
    )  # fmt: skip
    for kind, each in rows[:_PROMOTIONS]:
        before, after, difference = each["before"], each["after"], each["difference"]
        named = f"{kind}, {each['labels']} labels" if kind == "verifier" else f"router, {each['scorer']}"
        by = "" if difference is None else f" {difference['low']:+.1%} to {difference['high']:+.1%}"
        since = datetime.fromtimestamp(each["at_s"], UTC).strftime("%Y-%m-%d %H:%M")
        sides = [_right(before), _right(after), each["state"].replace("_", " ") + by]
        hits = [_share(side.get("hit_rate")) for side in (before, after)]
        table.add_row(named, since, Text(plain(str(each["of"]))), *sides, *hits)
        for name, one, other in _tiers(before, after):
            table.add_row(Text(plain(f"  tier {name}")), "", "", _right(one), _right(other))
    out.print(table)
    if len(rows) > _PROMOTIONS:
        out.print(f"and {len(rows) - _PROMOTIONS} more: --json has them all")


def _tiers(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    one, other = ({each["name"]: each for each in side.get("by_tier", ())} for side in (before, after))
    return [(name, one.get(name), other.get(name)) for name in sorted(one | other)]


def _right(side: Mapping[str, Any] | None) -> str:
    if side is None:
        return "-"
    if side["too_few"]:
        return f"too few ({side['judged']})"
    return f"{side['right']:.1%}, {side['low']:.1%} to {side['high']:.1%} ({side['judged']})"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
