"""How the evaluation of a scorer looks on a terminal: beside its controls, a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console


def draw(told: Mapping[str, Any], out: Console) -> None:
    """The curves are in the JSON alone."""
    left_out = sum(told["skipped"].values())
    quality = f"the cheap model's mean outcome {told['weak_quality']:.3f}, the dear one's {told['strong_quality']:.3f}"
    out.print(f"{told['n']:,} prompts, {left_out:,} rows left out; {quality}")
    table = Table("scorer", "APGR", "95 % interval", "calls for 50 %", "for 80 %", "ms")
    for name, each in ((told["scorer"], told), *told["controls"].items()):
        if each is told or name != told["scorer"]:
            ms = f"{each['decision_ms_p50']:.2f}"
            shares = (_share(each["cpt50"]), _share(each["cpt80"]))
            table.add_row(name, _number(each["apgr"]), _between(each.get("apgr_ci95")), *shares, ms)
    out.print(table)
    for name, interval in told.items():
        if name.startswith("apgr_minus_"):
            than = name.removeprefix("apgr_minus_").removesuffix("_ci95").replace("_", "-")
            out.print(f"APGR above that of {than}: {_between(interval)} (95 %)")
    out.print(
        "APGR: share of the gap between the models that is recovered, over all shares of strong calls; chance: 0.5"
    )
    out.print("calls for 50 %: share of strong calls that recovers half of the gap")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _between(interval: list[float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
