"""The settings of alerts: read as written, and every fault with its path and without a secret."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.proxy.alert_receivers import webhook_problems
from litellm_plugins.settings import parse
from litellm_plugins.settings.alerts import Alerts

URL = "https://hooks.example.com/services/T0/secret"


def fault(**alerts: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        parse({"alerts": alerts})
    (problem,) = caught.value.problems
    return problem


def test_marks_are_each_budgets_soft_ones_and_the_limit_unless_they_are_given() -> None:
    assert Alerts().marks_of((0.5, 0.8)) == (0.5, 0.8, 1.0)
    assert parse({"alerts": {"marks": ["50%", 1]}}).alerts.marks_of((0.7,)) == (0.5, 1.0)


@pytest.mark.parametrize("marks", [[0.8, 0.5], [0, 1], [0.5, 0.5]])
def test_marks_that_do_not_rise_are_a_fault(marks: list[float]) -> None:
    assert fault(marks=marks).startswith("callback_settings.litellm_plugins.alerts.marks: expected shares above 0")


def test_a_url_in_place_of_a_name_is_a_fault_that_does_not_repeat_it() -> None:
    told = fault(webhooks=[{"url_env": URL}])
    assert told.startswith("callback_settings.litellm_plugins.alerts.webhooks.0.url_env: expected the NAME")
    assert "secret" not in told
    assert "known here: format, secret_env, url_env" in fault(webhooks=[{"url_env": "A", "uri": "B"}])
    assert "url_env given twice: A" in fault(webhooks=[{"url_env": "A"}, {"url_env": "A", "format": "slack"}])


def test_what_the_environment_lacks_is_said_with_its_path_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hooks = [{"url_env": "HOOK_A"}, {"url_env": "HOOK_B", "secret_env": "HOOK_SECRET"}, {"url_env": "HOOK_C"}]
    settings = parse({"alerts": {"webhooks": hooks}})
    monkeypatch.setenv("HOOK_A", URL)
    monkeypatch.setenv("HOOK_B", f"ftp{URL}")
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    monkeypatch.delenv("HOOK_C", raising=False)
    root = "callback_settings.litellm_plugins.alerts.webhooks"
    assert webhook_problems(settings) == [
        f"{root}.1.url_env: HOOK_B holds no http:// or https:// URL",
        f"{root}.1.secret_env: the environment variable HOOK_SECRET is not set",
        f"{root}.2.url_env: the environment variable HOOK_C is not set",
    ]
