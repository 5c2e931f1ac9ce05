"""The block `coalesce`."""

from __future__ import annotations

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import parse


def test_it_is_off_unless_it_is_switched_on() -> None:
    off, on = parse({}).coalesce, parse({"coalesce": {"enabled": True}}).coalesce
    assert (off.enabled, on.enabled, on.timeout_s, on.lease_s, on.window_s) == (False, True, 60, 5, 0)


@pytest.mark.parametrize(
    "wrong",
    [{"timeout_s": 0}, {"lease_s": 0.1}, {"lease_s": 1_000}, {"window_s": 61}, {"window_s": -1}, {"enable": True}],
)
def test_what_makes_no_sense_is_refused_with_its_place(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=rf"coalesce\.{next(iter(wrong))}"):
        parse({"coalesce": wrong})
