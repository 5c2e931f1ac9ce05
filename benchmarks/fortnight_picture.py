"""Draws what fortnights come to, as SVG: hits, hits gained, and wrong hits against the promise. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.fortnight_sums import Estimate

_COLOURS = {"nobody": "#6b7280", "random": "#0072b2", "random-hits": "#e69f00", "queue": "#009e73"}  # Okabe and Ito
_WIDTH, _HEIGHT = 980, 400
_PANEL_W, _PANEL_H, _TOP, _LEFT, _GAP = 260, 270, 50, 52, 62
_TICKS = 5


@dataclass(frozen=True)
class Curves:
    """What is drawn."""

    by_day: Mapping[str, Sequence[Mapping[str, Estimate]]]
    gained: Mapping[str, Sequence[Estimate]]  # over nobody
    promised: float


@dataclass(frozen=True)
class _Panel:
    x: float
    low: float
    high: float
    days: int

    def at(self, day: float, value: float) -> str:
        share = (value - self.low) / (self.high - self.low)
        x = self.x + _PANEL_W * (day - 1) / max(1, self.days - 1)
        return f"{x:.1f},{_TOP + _PANEL_H * (1 - min(1.0, max(0.0, share))):.1f}"


def picture(curves: Curves) -> str:
    """Three panels and a legend."""
    rates = {name: [day["hit_rate"] for day in days] for name, days in curves.by_day.items()}
    gained = {name: each for name, each in curves.gained.items() if name != "nobody"}
    wrong = {name: [day["wrong_so_far"] for day in days] for name, days in curves.by_day.items()}
    parts = [
        _drawn(0, "Hits a request, by day", rates, band=False),
        _drawn(1, "Hits a request above nobody's, so far", gained, band=True) if gained else "",
        _drawn(2, "Wrong hits a request, so far", wrong, band=False, promised=curves.promised),
        _legend(list(curves.by_day)),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="DejaVu Sans, Arial, sans-serif" font-size="12" fill="#1f2937">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


def _drawn(
    place: int,
    title: str,
    lines: Mapping[str, Sequence[Estimate]],
    *,
    band: bool,
    promised: float | None = None,
) -> str:
    shown = [value for each in lines.values() for e in each for value in ((e.low, e.high) if band else (e.mean,))]
    if band:  # the first days are a few requests: their interval would hide all others
        shown = [v for each in lines.values() for e in each[min(2, len(each) - 1) :] for v in (e.low, e.high)]
    shown += [0.0, *([promised * 1.2] if promised else [])]
    low, high = min(shown), max(shown)
    panel = _Panel(_LEFT + place * (_PANEL_W + _GAP), low, high + (high - low) * 0.05, len(next(iter(lines.values()))))
    out = [_axes(panel, title)]
    for name, each in lines.items():
        colour = _COLOURS.get(name, "#000000")
        if band:
            edge = [panel.at(day, e.high) for day, e in enumerate(each, 1)]
            edge += [panel.at(day, e.low) for day, e in reversed(list(enumerate(each, 1)))]
            out.append(f'<polygon points="{" ".join(edge)}" fill="{colour}" fill-opacity="0.15"/>')
        points = " ".join(panel.at(day, e.mean) for day, e in enumerate(each, 1))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
    if promised is not None:
        ends = [panel.at(day, promised) for day in (1, panel.days)]
        out.append(f'<polyline points="{" ".join(ends)}" stroke="#b91c1c" stroke-dasharray="5 4"/>')
        x, y = ends[1].split(",")
        out.append(f'<text x="{x}" y="{float(y) - 5}" text-anchor="end" fill="#b91c1c">promised {promised:.0%}</text>')
    return "".join(out)


def _axes(panel: _Panel, title: str) -> str:
    out = [f'<text x="{panel.x}" y="{_TOP - 16}" font-weight="bold">{title}</text>']
    for tick in range(_TICKS + 1):
        value = panel.low + (panel.high - panel.low) * tick / _TICKS
        left, right = panel.at(1, value), panel.at(panel.days, value)
        y = float(left.split(",")[1])
        out.append(f'<polyline points="{left} {right}" stroke="#e5e7eb"/>')
        digits = 0 if panel.high - panel.low > 0.2 else 1
        out.append(f'<text x="{panel.x - 6}" y="{y + 4}" text-anchor="end">{value:.{digits}%}</text>')
    for day in sorted({1, (panel.days + 1) // 2, panel.days}):
        x = panel.at(day, panel.low).split(",")[0]
        out.append(f'<text x="{x}" y="{_TOP + _PANEL_H + 18}" text-anchor="middle">day {day}</text>')
    return "".join(out)


def _legend(names: Sequence[str]) -> str:
    out = []
    for place, name in enumerate(names):
        x = _LEFT + place * 150
        out.append(f'<rect x="{x}" y="{_HEIGHT - 30}" width="22" height="4" fill="{_COLOURS.get(name, "#000000")}"/>')
        out.append(f'<text x="{x + 28}" y="{_HEIGHT - 24}">{name}</text>')
    return "".join(out)
