"""How often all verdicts are looked through."""

from __future__ import annotations

from litellm_plugins.proxy.review.loop import rest_s


def test_a_store_of_very_many_verdicts_does_not_keep_its_workers_busy() -> None:
    assert rest_s(0.3) == 10
    for took_s in (1.0, 20.0):
        assert took_s / (took_s + rest_s(took_s)) < 0.04
