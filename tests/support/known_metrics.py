"""Every series that a proxy with the pack can show, with its labels: what rules and dashboards may ask for."""

from __future__ import annotations

import functools
import importlib.util
import re
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink
from litellm_plugins.telemetry.sinks.prometheus_anomalies import AnomalySink

# Of metrics that are designed and not built yet. An entry goes when its metric comes: a test says so.
PLANNED: dict[str, tuple[str, tuple[str, ...]]] = {}

# What Prometheus adds to everything that it scrapes, and its own series.
TARGET_LABELS = frozenset({"job", "instance"})
_PROMETHEUS_OWN = {"up": TARGET_LABELS, "ALERTS": frozenset({"alertname", "alertstate", "severity", "good_news"})}


@functools.cache
def known_series() -> dict[str, frozenset[str] | None]:
    """Names of series to their labels; None for the host's, whose labels its settings change."""
    found: dict[str, frozenset[str] | None] = dict(_PROMETHEUS_OWN)
    for name, (kind, labels) in {**PLANNED, **ours()}.items():
        found |= {series: TARGET_LABELS | more | set(labels) for series, more in _series(name, kind).items()}
    for name, kind in _the_hosts():
        found |= dict.fromkeys(_series(name, kind))
    return found


def ours() -> dict[str, tuple[str, tuple[str, ...]]]:
    """The pack's metrics as they are really registered: name to kind and labels."""
    registry = CollectorRegistry()
    PrometheusSink(registry)
    AnomalySink(registry)
    # prometheus_client tells the labels of a metric that has no series yet to nobody else.
    collectors: list[Any] = list(registry._collector_to_names)
    return {each._name: (each._type, tuple(each._labelnames)) for each in collectors}


def _the_hosts() -> list[tuple[str, str]]:
    """Names and kinds, read in the source: importing it takes seconds."""
    found = importlib.util.find_spec("litellm")
    assert found is not None, "it is a dependency"
    assert found.submodule_search_locations, "it is a package"
    source = Path(found.submodule_search_locations[0]) / "integrations/prometheus.py"
    pattern = r'self\._(counter|gauge|histogram)_factory\(\s*(?:name=)?"(litellm_\w+)"'
    metrics = [(name, kind) for kind, name in re.findall(pattern, source.read_text(encoding="utf-8"))]
    assert len(metrics) > 30, "the host registers its metrics in another way now"
    return metrics


def _series(name: str, kind: str) -> dict[str, frozenset[str]]:
    """What a metric is called on the page, and the labels it gets beside its own."""
    if kind == "counter":
        return {f"{name.removesuffix('_total')}_total": frozenset()}
    if kind == "histogram":
        return {f"{name}_bucket": frozenset({"le"}), f"{name}_sum": frozenset(), f"{name}_count": frozenset()}
    return {name: frozenset()}
