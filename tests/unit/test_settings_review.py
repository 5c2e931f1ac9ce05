"""What the settings of reviews may say of Langfuse."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import parse

ROOT = "callback_settings.litellm_plugins.review.langfuse"


def test_nothing_is_synced_by_itself_unless_it_is_switched_on() -> None:
    langfuse = parse({"review": {"enabled": True}}).review.langfuse
    assert (langfuse.enabled, langfuse.queue, langfuse.score) == (False, "litellm-plugins", "review")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"every_minutes": 0}, f"{ROOT}.every_minutes: "),
        ({"queue": ""}, f"{ROOT}.queue: "),
        ({"limit": 0}, f"{ROOT}.limit: "),
        ({"scores": "x"}, f"{ROOT}.scores: unknown setting; did you mean score?"),
    ],
)
def test_a_fault_is_said_with_its_path(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"review": {"langfuse": given}})
    (problem,) = caught.value.problems
    assert problem.startswith(said)


def test_second_opinions_are_asked_for_from_a_share_and_can_be_switched_off() -> None:
    assert parse({"review": {"enabled": True}}).review.second_opinion_from == 0.8
    assert parse({"review": {"second_opinion_from": "100%"}}).review.second_opinion_from == 1
    with pytest.raises(SettingsError) as caught:
        parse({"review": {"second_opinion_from": 2}})
    assert "review.second_opinion_from: expected a share" in caught.value.problems[0]
