"""A resource that is hashed once is the host's own to everybody else."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource

from litellm_plugins.proxy.langfuse.resource import hashed


def test_it_stands_for_the_same_key() -> None:
    ours, theirs = Resource({"service.name": "litellm"}), Resource({"service.name": "other"})
    assert {ours: "spans"}[hashed(ours)] == {hashed(ours): "spans"}[ours] == "spans"
    assert hashed(ours) != theirs
    assert hashed(ours) is hashed(ours)
    assert hashed(ours).attributes == ours.attributes
