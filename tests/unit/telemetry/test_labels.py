import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from litellm_plugins.telemetry.sinks.labels import BoundedLabels, clean
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink
from tests.unit.telemetry.calls import call


def test_the_first_to_come_and_those_named_have_labels_the_rest_is_other() -> None:
    labels = BoundedLabels(2, ["board"])
    assert [labels.of(team) for team in ("a", "b", "c", "board", "a", "c", "")] == [
        *("a", "b", "other", "board"),
        *("a", "other", ""),
    ]


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ("Support", "Support"),
        ("Müller & Söhne", "Müller & Söhne"),
        ("two\nlines", "two?lines"),
        ("bell\x07", "bell?"),
        ("half \ud83d", "half ?"),
        ("x" * 500, "x" * 128),
    ],
)
def test_a_label_is_short_and_printable(given: str, label: str) -> None:
    assert clean(given) == label


def test_5000_teams_and_10000_models_make_no_more_series_than_the_settings_allow() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(
        registry, known_model=lambda name: name in ("small", "large"), teams=BoundedLabels(50, ["vip"])
    )
    for i in range(5_000):
        sink.record(call(team=f"team-{i}\n\ud83d", model_group=f"made-up-{i}", endpoint=f"odd-{i}"))
        sink.record(call(team=f"team-{i}", model_group=("small", "large")[i % 2]))
    sink.record(call(team="vip"))
    families = {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}
    teams = {
        s.labels["team"]: s.value for s in families["litellm_plugins_team_calls"].samples if "created" not in s.name
    }

    assert len(teams) == 52  # the fifty first, vip, and other
    assert sum(teams.values()) == 10_001
    assert (teams["team-0"], teams["vip"]) == (1, 1)
    calls = families["litellm_plugins_calls"].samples
    assert {sample.labels["model_group"] for sample in calls} == {"small", "large", "other"}
    assert {sample.labels["endpoint"] for sample in calls} == {"chat", "other"}
    assert sum(len(family.samples) for family in families.values()) < 1_000
