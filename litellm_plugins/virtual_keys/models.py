"""What a key may use of what its team may. Pure.

Without a database the host holds a key to its own list only, so the list that it gets is what both allow.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

NONE = "no-default-models"  # the host's word for it: an empty list means every model
_EVERY = frozenset({"*", "all-proxy-models"})
_TEAMS = frozenset({"all-team-models"})  # which the host would not look into for a team that it has no row of


def allowed(of_key: tuple[str, ...], of_team: tuple[str, ...]) -> tuple[str, ...]:
    """What both lists allow; empty: every model. `gpt-*` allows what it matches, an access group only itself."""
    if not of_team or _EVERY & set(of_team):
        return of_key
    if not of_key or (_EVERY | _TEAMS) & set(of_key):
        return of_team
    pairs = ((mine, ours) for mine in of_key for ours in of_team)
    both = (mine if fnmatchcase(mine, ours) else ours if fnmatchcase(ours, mine) else None for mine, ours in pairs)
    return tuple(dict.fromkeys(model for model in both if model is not None)) or (NONE,)
