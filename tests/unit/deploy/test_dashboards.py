"""deploy/grafana: each dashboard can be provisioned as it is, and asks only for what exists."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.known_metrics import TARGET_LABELS, known_series
from tests.support.promql import grouped_labels, selected_labels, series_of
from tests.support.promtool import run_promtool, why_no_promtool

ROOT = Path(__file__).resolve().parents[3]
GRAFANA = ROOT / "deploy/grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
DASHBOARDS: dict[str, dict[str, Any]] = {file.stem: json.loads(file.read_text()) for file in FILES}
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
RECORDED = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}
GRAFANAS_OWN = {"$__rate_interval": "5m", "$__range": "1d"}

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def variables(dashboard: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in dashboard["templating"]["list"]}


def expressions(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The panels' titles and expressions, as Prometheus gets them."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield panel["title"], filled_in(target["expr"], dashboard)


def filled_in(expression: str, dashboard: dict[str, Any]) -> str:
    for name, value in GRAFANAS_OWN.items():
        expression = expression.replace(name, value)
    for name, variable in variables(dashboard).items():
        expression = expression.replace(f'"${name}"', json.dumps(variable.get("allValue", "")))
    return expression


def test_the_five_dashboards_are_there() -> None:
    assert set(DASHBOARDS) == {"budgets", "cache", "cost", "health", "routing"}


def test_their_uids_and_titles_are_unique() -> None:
    for field in ("uid", "title"):
        assert len({each[field] for each in DASHBOARDS.values()}) == len(DASHBOARDS)


@each_dashboard
def test_its_panels_have_ids_and_titles_of_their_own(dashboard: dict[str, Any]) -> None:
    for field in ("id", "title"):
        found = [panel[field] for panel in dashboard["panels"]]
        assert len(found) == len(set(found))


@each_dashboard
def test_every_panel_says_what_it_shows_and_in_which_unit(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]


@each_dashboard
def test_panels_do_not_lie_on_each_other(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        rows, columns = range(place["y"], place["y"] + place["h"]), range(place["x"], place["x"] + place["w"])
        cells = {(row, column) for row in rows for column in columns}
        assert not cells & taken, panel["title"]
        assert max(columns) < 24, panel["title"]
        taken |= cells


@each_dashboard
def test_the_data_source_is_a_choice_and_no_fixed_one(dashboard: dict[str, Any]) -> None:
    assert variables(dashboard)["datasource"]["type"] == "datasource"
    asking = [*panels(dashboard), *(target for panel in panels(dashboard) for target in panel["targets"])]
    asking += [each for each in variables(dashboard).values() if each["type"] == "query"]
    assert {each["datasource"]["uid"] for each in asking} == {"${datasource}"}


@each_dashboard
def test_variables_are_filled_from_labels_that_exist_and_are_used(dashboard: dict[str, Any]) -> None:
    asked = "\n".join(target["expr"] for panel in panels(dashboard) for target in panel["targets"])
    for name, variable in variables(dashboard).items():
        if variable["type"] != "query":
            continue
        found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
        assert found, name
        assert found[2] in (known_series()[found[1]] or ()), name
        assert f'"${name}"' in asked, name
    left = set(re.findall(r"\$\{?(\w+)", asked)) - {name.strip("$") for name in GRAFANAS_OWN}
    assert left <= set(variables(dashboard))


@each_dashboard
def test_it_asks_only_for_series_and_labels_that_exist(dashboard: dict[str, Any]) -> None:
    known = known_series()
    for title, expression in expressions(dashboard):
        asked = series_of(expression)
        assert asked, title
        assert asked <= set(known) | RECORDED, title
        for series, labels in selected_labels(expression):
            allowed = known.get(series)
            assert allowed is None or labels <= allowed, (title, series)
        ours = [known[each] for each in asked if each in known]
        if len(ours) == len(asked) and None not in ours:
            assert grouped_labels(expression) <= frozenset().union(TARGET_LABELS, *(each or () for each in ours)), title


@each_dashboard
def test_legends_name_labels_that_the_expression_keeps(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        for target in panel["targets"]:
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"])) - {"le"}
            if named and not series_of(target["expr"]) & RECORDED:
                assert named <= grouped_labels(target["expr"]), panel["title"]


def test_prometheus_can_read_every_expression(tmp_path: Path) -> None:
    """promtool checks no bare expression, so each becomes a recording rule."""
    missing = why_no_promtool()
    if missing and os.environ.get("CI") != "true":
        pytest.skip(missing)
    asked = [expression for dashboard in DASHBOARDS.values() for _, expression in expressions(dashboard)]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(asked)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = run_promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(asked)} rules found" in checked.stdout


def test_grafana_is_told_where_they_are_and_where_the_numbers_come_from() -> None:
    providers = yaml.safe_load((GRAFANA / "provisioning/dashboards/litellm-plugins.yaml").read_text())["providers"]
    assert [each["options"]["path"] for each in providers] == ["/var/lib/grafana/dashboards"]
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert [(each["type"], each["isDefault"]) for each in sources] == [("prometheus", True)]


def test_every_metric_of_the_pack_is_on_a_dashboard_or_in_a_rule() -> None:
    """A metric that nobody can see is one that nobody misses."""
    rules = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
    shown = {expression for dashboard in DASHBOARDS.values() for _, expression in expressions(dashboard)}
    asked = set().union(*(series_of(expression) for expression in [*rules, *shown]))
    families = {re.sub(r"_(bucket|sum|count)$", "", series) for series in asked}
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", series)
        for series in known_series()
        if series.startswith("litellm_plugins_")
    }
    assert ours <= families
