"""When labels are enough for a fit, and for the next one. Pure."""

from __future__ import annotations

FIRST_FIT, _GROWTH, _AT_LEAST = 100, 0.08, 25  # labels until the first fit; then this share more, and that many
FIRST_OF_TENANT = 1_500  # with fewer the margin for chance costs a tenant more than being alone gains


def is_due(count: int, first: int = FIRST_FIT) -> bool:
    """Whether a fit is due when there are `count` labels: at `first`, then every time there are 8 % more."""
    due = first
    while due < count:
        due += max(_AT_LEAST, int(due * _GROWTH))
    return due == count
