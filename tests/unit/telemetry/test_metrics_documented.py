"""docs/metrics.md names every metric, as it is; and none of them is LiteLLM's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import litellm
from litellm.types.integrations.prometheus import DEFINED_PROMETHEUS_METRICS
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink
from litellm_plugins.telemetry.sinks.prometheus_anomalies import AnomalySink

ROOT = Path(__file__).parents[3]
_ROW = re.compile(r"\| `(litellm_plugins_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|")


def registered() -> dict[str, tuple[str, tuple[str, ...]]]:
    """By name as it stands on the page: type and labels."""
    registry = CollectorRegistry()
    PrometheusSink(registry)
    AnomalySink(registry)
    metrics = [each for each in registry._collector_to_names if isinstance(each, MetricWrapperBase)]
    return {
        each._name + ("_total" if each._type == "counter" else ""): (str(each._type), tuple(each._labelnames))
        for each in metrics
    }


def test_the_document_lists_every_metric_with_its_type_labels_unit_and_meaning() -> None:
    rows = _ROW.findall((ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"))
    told = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _, _ in rows}
    assert told == registered()
    assert all(unit.strip() and meaning.strip() for *_, unit, meaning in rows)


def test_no_metric_has_a_name_of_the_host_s() -> None:
    theirs = {str(name) for name in get_args(DEFINED_PROMETHEUS_METRICS)}
    source = Path(str(litellm.__file__)).parent / "integrations"
    for file in [*source.glob("prometheus*.py"), *source.glob("**/prometheus_services.py")]:
        theirs |= set(re.findall(r'["\'](litellm_[a-z_]+)["\']', file.read_text(encoding="utf-8")))
    bare = {name.removesuffix("_total") for name in theirs}

    assert len(theirs) > 40, "where are the host's metrics?"
    assert not {name.removesuffix("_total") for name in registered()} & bare
    assert not [name for name in theirs if name.startswith("litellm_plugins")]
