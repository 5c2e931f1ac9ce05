"""The tags that a client puts on the answer to its request."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import RequestError
from litellm_plugins.proxy.host.conversion import TAGS_HEADER, controls_of


def asked(*, header: str | None = None, **metadata: Any) -> dict[str, Any]:
    headers = {} if header is None else {TAGS_HEADER: header}
    return {"proxy_server_request": {"headers": headers}} | {
        place: {"litellm_plugins": {"tags": tags}} for place, tags in metadata.items()
    }


def test_tags_come_from_the_header_and_the_body_and_all_of_them_count() -> None:
    data = asked(header="order:42, , b", metadata=["a", "b"], litellm_metadata=["c"])
    assert controls_of(data).tags == ("a", "b", "c", "order:42")
    assert controls_of(asked(header="")).tags == ()
    assert controls_of(asked(metadata=None)).tags == ()
    assert controls_of(asked(metadata=[])).tags == ()


@pytest.mark.parametrize(
    "tags",
    [
        "order:42",
        {"order": 42},
        [42],
        [None],
        [""],
        ["a b"],
        ["a,b"],
        ["-a"],
        ["ü"],
        ["a{b}"],
        ["x" * 129],
        ["version:v1"],
        ["source:shelf"],
        [f"t{number}" for number in range(17)],
    ],
)
def test_what_is_no_tag_is_refused(tags: Any) -> None:
    """Bounded in number, length and characters; and what the pack writes itself nobody else can."""
    with pytest.raises(RequestError) as caught:
        controls_of(asked(metadata=tags))
    assert caught.value.param == "metadata.litellm_plugins.tags"
    assert str(caught.value).startswith("metadata.litellm_plugins.tags")


def test_the_header_is_held_to_the_same() -> None:
    with pytest.raises(RequestError):
        controls_of(asked(header="version:v1"))
    assert controls_of(asked(metadata=[f"t{number}" for number in range(16)], header="t1")).tags[0] == "t0"
    assert controls_of(asked(metadata=["x" * 128, "a.b_c:d/e@f+g-h"])).tags == ("a.b_c:d/e@f+g-h", "x" * 128)
