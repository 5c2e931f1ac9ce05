"""How the report of reviews looks on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console


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
    for each in told["promises"]:
        between = "" if each["low"] is None else f": {each['low']:.2%} to {each['high']:.2%} of requests"
        out.print(f"promise of {each['promised']:.2%} wrong answers per request: {each['state']}{between}")
    done = ", ".join(f"{name} {count}" for name, count in sorted(told["effects"].items())) or "none"
    out.print(f"verdicts: {told['verdicts']['count']}; effects: {done}")
    judge = told["judge"]
    if judge["compared"]:
        wrong = judge["of_wrong"]
        out.print(
            f"the judge agrees with people in {judge['agreed']} of {judge['compared']} ({judge['low']:.1%} to "
            f"{judge['high']:.1%}); of what they found wrong in {wrong['agreed']} of {wrong['compared']}"
        )
    out.print(f"labels: {told['labels'].get('verifier', '-')}, of people {told['labels'].get('of_people', 0)}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
