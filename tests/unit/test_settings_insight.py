"""What the settings of the cost monitor may say."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import parse

ROOT = "callback_settings.litellm_plugins.insight"


def test_it_is_on_unless_it_is_switched_off_and_each_anomaly_can_be() -> None:
    assert parse({}).insight.enabled
    off = parse({"insight": {"enabled": False, "anomalies": {"hit_rate": None, "user_day_usd": "12.5"}}}).insight
    assert (off.enabled, off.anomalies.hit_rate, off.anomalies.cost_per_request) == (False, None, 0.2)
    assert (off.anomalies.user_day_nano_usd, off.anomalies.dear_request_nano_usd) == (12_500_000_000, 1_000_000_000)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"keep_dayz": 3}, f"{ROOT}.keep_dayz: unknown setting; did you mean keep_days?"),
        ({"anomalies": {"cost_per_request": "2000%"}}, f"{ROOT}.anomalies.cost_per_request: expected a share"),
        ({"anomalies": {"user_day_usd": 0}}, f"{ROOT}.anomalies.user_day_usd: "),
        ({"trace_url": "https://langfuse.example.com/"}, f"{ROOT}.trace_url: expected an http:// or https:// URL with"),
        ({"trace_url": "javascript:{trace_id}"}, f"{ROOT}.trace_url: expected an http:// or https:// URL with"),
    ],
)
def test_a_fault_is_said_with_its_path(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"insight": given})
    (problem,) = caught.value.problems
    assert problem.startswith(said)
