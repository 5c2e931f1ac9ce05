"""deploy/prometheus: Prometheus itself says that the rules are right, and when each alert rings."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.known_metrics import PLANNED, TARGET_LABELS, known_series, ours
from tests.support.promql import grouped_labels, selected_labels, series_of
from tests.support.promtool import run_promtool, why_no_promtool

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy/prometheus"
RULES = FOLDER / "rules.yml"
CASES = sorted((FOLDER / "tests").glob("*.yml"))
ON_CI = os.environ.get("CI") == "true"


def groups() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    return found


def rules(kind: str) -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"] if kind in rule]


ALERTS = [rule["alert"] for rule in rules("alert")]
RECORDED = {rule["record"] for rule in rules("record")}


@pytest.fixture(scope="module", autouse=True)
def promtool_is_there() -> None:
    missing = why_no_promtool()
    if missing and not ON_CI:
        pytest.skip(missing)
    assert not missing, missing


def test_prometheus_takes_the_rules() -> None:
    checked = run_promtool("check", "rules", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_prometheus_takes_the_config() -> None:
    checked = run_promtool("check", "config", "--syntax-only", FOLDER / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_alerts_ring_when_they_should_and_only_then(cases: Path) -> None:
    tested = run_promtool("test", "rules", cases)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_a_case_in_which_it_rings_and_one_in_which_it_does_not(alert: str) -> None:
    asked = re.compile(rf'ALERTS\{{alertname="{alert}"(, alertstate="firing")?\}}')
    samples = [
        case.get("exp_samples", [])
        for file in CASES
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test["promql_expr_test"]
        if asked.fullmatch(case["expr"])
    ]
    assert any(samples)
    assert not all(samples)


@pytest.mark.parametrize("rule", rules("alert"), ids=ALERTS)
def test_each_alert_says_what_it_means_what_to_look_at_and_where_that_is_written(rule: dict[str, Any]) -> None:
    told = rule["annotations"]
    assert set(told) == {"summary", "meaning", "look_at", "docs"}
    assert all(told.values())
    assert (ROOT / told["docs"]).is_file(), told["docs"]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_every_number_to_change_stands_in_the_first_group_and_is_used() -> None:
    first = groups()[0]
    assert first["name"] == "litellm_plugins_thresholds"
    named = [rule["labels"]["name"] for rule in first["rules"]]
    used = {
        name
        for rule in rules("alert")
        for name in re.findall(r'scalar\(litellm_plugins:threshold\{name="(\w+)"\}\)', rule["expr"])
    }
    assert len(named) == len(set(named))
    assert used == set(named)
    for rule in first["rules"]:
        assert re.fullmatch(r"vector\([\d.]+\)", rule["expr"])


@pytest.mark.parametrize("rule", rules("alert"), ids=ALERTS)
def test_an_alert_holds_no_number_of_its_own(rule: dict[str, Any]) -> None:
    """But 0 and 1, which say whether something is, and 24 hours for a rate per hour."""
    compared = re.findall(r"(?:>=|<=|==|!=|>|<)\s*([\d.]+)\b(?!\s*\*)", rule["expr"])
    assert set(compared) <= {"0", "1"}


@pytest.mark.parametrize("rule", [*rules("record"), *rules("alert")], ids=lambda rule: rule.get("alert", ""))
def test_rules_ask_only_for_series_and_labels_that_exist(rule: dict[str, Any]) -> None:
    known = known_series()
    asked = series_of(rule["expr"])
    assert asked <= set(known) | RECORDED
    for series, labels in selected_labels(rule["expr"]):
        allowed = known.get(series)
        assert allowed is None or labels <= allowed, series
    metrics = asked & set(known)
    if metrics == asked and metrics:
        allowed_labels = frozenset().union(TARGET_LABELS, *(known[each] or frozenset() for each in metrics))
        assert grouped_labels(rule["expr"]) <= allowed_labels


def test_what_is_only_planned_is_not_there_yet() -> None:
    """Where this fails, a metric has come: take its entry out of `PLANNED`, so that its real labels are what counts."""
    assert not set(PLANNED) & set(ours())
