"""How values are written on the page. Escaping is the templates' own (autoescape); this is what comes before it."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from litellm_plugins.alerts.message import iso

NOTHING = "-"
# What turns the direction of all that follows it: a text could read as another one than was judged.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def cut(text: object, most: int) -> str:
    """What somebody typed, as it may be shown: at most so many characters, and nothing invisible that misleads."""
    given = "" if text is None else str(text)
    kept = _CONTROLS.sub("\ufffd", given[:most])
    kept = _TURNS.sub(lambda found: f"[U+{ord(found[0]):04X}]", kept)
    return kept if len(given) <= most else f"{kept}… ({len(given):,} characters)"


def usd(dollars: float | None) -> str:
    """As people read it; small amounts to a millionth."""
    if dollars is None:
        return NOTHING
    size, sign = abs(dollars), "-" if dollars < 0 else ""
    return sign + (f"${size:,.2f}" if size >= 0.1 or size == 0 else f"${size:.4f}" if size >= 0.01 else f"${size:.6f}")


def usd_in_short(dollars: float) -> str:
    """The same for a scale, whose numbers are round: to the cent, or as far as it takes."""
    whole, point, cents = usd(dollars).partition(".")
    return whole + point + cents[:2] + cents[2:].rstrip("0")


def count(number: float | None) -> str:
    """With commas."""
    return NOTHING if number is None else f"{number:,.0f}"


def percent(share: float | None, decimals: int = 0) -> str:
    """A share of one."""
    return NOTHING if share is None else f"{share:.{decimals}%}"


def percent_in_full(share: float) -> str:
    """The same for a scale, where 7.5% is not 8%."""
    return f"{share * 100:.3g}%"


def rate(share: float | None) -> str:
    """A small share, to two digits that count: 0.62%."""
    if share is None:
        return NOTHING
    if share <= 0 or share >= 0.1:
        return f"{share:.0%}" if share <= 0 or share >= 1 else f"{share:.1%}"
    return f"{share * 100:.{min(6, 1 - math.floor(math.log10(share * 100)))}f}%"


def moment(at_ms: int | None) -> str:
    """A time in UTC, to the minute."""
    told = iso(at_ms)
    return NOTHING if told is None else f"{told[:10]} {told[11:16]} UTC"


def moment_of(told: str | None) -> str:
    """The same of a time in ISO 8601, in whichever zone it is told."""
    if not told:
        return NOTHING
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        return cut(told, 40)
    return moment(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000))


def age(seconds: float | None) -> str:
    """How old: 3 days, 5 h, 40 min."""
    if seconds is None:
        return NOTHING
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
