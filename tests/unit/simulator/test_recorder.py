"""What the simulator remembers of what reached it."""

from typing import Any

from litellm_plugins.simulator.recorder import Recorder


def recorder(requests: int = 3, body: int = 10, total: int = 25) -> Recorder:
    return Recorder(max_requests=requests, max_body_bytes=body, max_total_bytes=total)


def add(to: Recorder, body: bytes, **headers: str) -> None:
    to.add("chat", "POST", "/v1/chat/completions", headers, body)


def bodies(of: Recorder) -> list[Any]:
    return [record["body"] for record in of.records()]


def test_the_oldest_requests_are_forgotten_but_still_counted() -> None:
    """A long benchmark must not fill the memory, nor lose its count."""
    kept = recorder()
    for number in range(5):
        add(kept, b"%d" % number)
    assert bodies(kept) == [2, 3, 4]
    assert kept.count() == {"count": 5, "by_endpoint": {"chat": 5}}


def test_a_long_body_is_recorded_by_its_size_only() -> None:
    """One request may have megabytes."""
    kept = recorder()
    add(kept, b'"12345678901"')
    assert kept.records()[0]["body"] is None
    assert kept.records()[0]["body_bytes"] == 13


def test_bodies_together_stay_within_their_limit() -> None:
    """Ten thousand bodies just under the limit for one would be far too much."""
    kept = recorder(requests=10, total=25)
    for number in range(5):
        add(kept, b'"%d2345678"' % number)
    assert bodies(kept) == [None, None, None, "32345678", "42345678"]


def test_credentials_are_not_recorded() -> None:
    """The list is shown to whoever asks for it."""
    kept = recorder()
    add(kept, b"", authorization="Bearer sk-1", cookie="a", accept="*/*", **{"x-api-key": "sk-2"})
    assert kept.records()[0]["headers"] == {"accept": "*/*"}


def test_clearing_forgets_everything() -> None:
    """Each test starts from nothing."""
    kept = recorder(requests=2, total=25)
    for _ in range(2):
        for number in range(4):
            add(kept, b'"%d2345678"' % number)
        kept.clear()
        assert kept.records() == []
        assert kept.count()["count"] == 0
