"""What the settings of the page may say."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import parse

ROOT = "callback_settings.litellm_plugins.ui"


def test_it_is_off_unless_it_is_switched_on() -> None:
    assert not parse({}).ui.enabled
    on = parse({"ui": {"enabled": True, "session_minutes": 15}}).ui
    assert (on.enabled, on.session_minutes, on.token_days) == (True, 15, 90)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ui": {"enable": True}}, f"{ROOT}.enable: unknown setting; did you mean enabled?"),
        ({"ui": {"session_minutes": 1}}, f"{ROOT}.session_minutes: "),
        ({"ui": {"token_days": 1_000}}, f"{ROOT}.token_days: "),
        (
            {"ui": {"enabled": True}, "insight": {"enabled": False}},
            f"{ROOT}.enabled: the page shows what insight counts",
        ),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(given)
    assert refused.value.problems[0].startswith(said)
