"""A key never has more than its team."""

from __future__ import annotations

import pytest

from litellm_plugins.virtual_keys.models import NONE, allowed


@pytest.mark.parametrize(
    ("of_key", "of_team", "both"),
    [
        ((), (), ()),
        (("a",), (), ("a",)),
        ((), ("a",), ("a",)),
        (("a",), ("a", "b"), ("a",)),
        (("a", "c"), ("a", "b"), ("a",)),
        (("c",), ("a", "b"), (NONE,)),
        (("gpt-4.1", "claude"), ("gpt-*",), ("gpt-4.1",)),
        (("gpt-*",), ("gpt-4.1", "claude"), ("gpt-4.1",)),
        (("gpt-4*",), ("gpt-*",), ("gpt-4*",)),
        (("a", "a*"), ("a", "ab"), ("a", "ab")),
        (("*",), ("a",), ("a",)),
        (("all-proxy-models",), ("a",), ("a",)),
        (("all-team-models",), ("a",), ("a",)),
        (("all-team-models", "b"), ("a",), ("a",)),
        (("a",), ("*",), ("a",)),
        (("a",), ("all-proxy-models",), ("a",)),
        (("group",), ("group", "a"), ("group",)),
        (("[a",), ("[a",), ("[a",)),
    ],
)
def test_what_both_allow(of_key: tuple[str, ...], of_team: tuple[str, ...], both: tuple[str, ...]) -> None:
    assert allowed(of_key, of_team) == both
