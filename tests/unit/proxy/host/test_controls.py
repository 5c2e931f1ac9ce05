"""What a client may ask of the cache, in LiteLLM's words and in ours."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import RequestError
from litellm_plugins.model import CacheControls
from litellm_plugins.proxy.host.conversion import controls_of

HEADER = "x-litellm-plugins-cache"


def header(mode: Any) -> dict[str, Any]:
    return {"proxy_server_request": {"headers": {HEADER: mode}}}


def metadata(mode: Any, place: str = "metadata") -> dict[str, Any]:
    return {place: {"litellm_plugins": {"cache": mode}}}


def test_who_asks_for_nothing_gets_the_default() -> None:
    """Also with empty or unusable dicts about."""
    nothing: tuple[dict[str, Any], ...] = (
        {},
        {"cache": None},
        {"cache": {}},
        {"metadata": None},
        {"metadata": {"litellm_plugins": None}},
    )
    for data in nothing:
        assert controls_of(data) == CacheControls()


@pytest.mark.parametrize(
    ("cache", "expected"),
    [
        ({"no-cache": True}, CacheControls(no_cache=True)),
        ({"no-store": True}, CacheControls(no_store=True)),
        ({"no-cache": True, "no-store": True}, CacheControls(no_cache=True, no_store=True)),
        ({"no-cache": False, "no-store": None}, CacheControls()),
        ({"ttl": 60}, CacheControls(ttl_s=60)),
        ({"ttl": 0.5}, CacheControls(ttl_s=0.5)),
        ({"ttl": 0}, CacheControls(ttl_s=0)),
        ({"ttl": None}, CacheControls()),
        ({"s-maxage": 60}, CacheControls(max_age_s=60)),
        ({"s-max-age": 60}, CacheControls(max_age_s=60)),
        ({"s-maxage": 0}, CacheControls(max_age_s=0)),
        ({"namespace": "docs"}, CacheControls(namespace="docs")),
    ],
)
def test_litellms_own_words_are_understood(cache: dict[str, Any], expected: CacheControls) -> None:
    """As its docs have them; who moves over from its cache changes nothing."""
    assert controls_of({"cache": cache}) == expected


@pytest.mark.parametrize("place", [header, metadata, lambda mode: metadata(mode, "litellm_metadata")])
def test_our_word_comes_in_a_header_or_in_the_metadata(place: Any) -> None:
    """SDKs make one or the other easy."""
    assert controls_of(place("default")) == CacheControls()
    assert controls_of(place("bypass")) == CacheControls(bypass=True)
    assert controls_of(place("refresh")) == CacheControls(no_cache=True)


def test_the_header_comes_before_the_metadata() -> None:
    """It is the last to be added on the way."""
    assert controls_of(header("bypass") | metadata("refresh")) == CacheControls(bypass=True)


def test_both_ways_of_asking_add_up() -> None:
    """A refresh into a namespace."""
    assert controls_of(header("refresh") | {"cache": {"namespace": "a"}}) == CacheControls(no_cache=True, namespace="a")


NONSENSE: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown word": (header("off"), HEADER),
    "another case": (header("BYPASS"), HEADER),
    "an empty word": (header(""), HEADER),
    "an unknown word in the metadata": (metadata("off"), "metadata.litellm_plugins.cache"),
    "no word in the metadata": (metadata(["bypass"]), "metadata.litellm_plugins.cache"),
    "false in the metadata": (metadata(False), "metadata.litellm_plugins.cache"),
    "a word for a cache": ({"cache": "no-cache"}, "cache"),
    "true for a cache": ({"cache": True}, "cache"),
    "a list for a cache": ({"cache": ["no-cache"]}, "cache"),
    "a number for a cache": ({"cache": 5}, "cache"),
    "a negative lifetime": ({"cache": {"ttl": -1}}, "cache.ttl"),
    "a lifetime in words": ({"cache": {"ttl": "60"}}, "cache.ttl"),
    "a lifetime of true": ({"cache": {"ttl": True}}, "cache.ttl"),
    "a lifetime without end": ({"cache": {"ttl": float("inf")}}, "cache.ttl"),
    "a lifetime that is no number": ({"cache": {"ttl": float("nan")}}, "cache.ttl"),
    "a lifetime of four hundred digits": ({"cache": {"ttl": 10**400}}, "cache.ttl"),
    "a negative age": ({"cache": {"s-maxage": -1}}, "cache.s-maxage"),
    "an age in a list": ({"cache": {"s-maxage": [60]}}, "cache.s-maxage"),
    "a namespace that is a number": ({"cache": {"namespace": 5}}, "cache.namespace"),
    "a namespace of null": ({"cache": {"namespace": None}}, "cache.namespace"),
}


@pytest.mark.parametrize(("data", "param"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_refused_with_the_name_of_the_field(data: dict[str, Any], param: str) -> None:
    """A control that is silently ignored serves a stale answer to who wanted a fresh one."""
    with pytest.raises(RequestError) as caught:
        controls_of(data)
    assert caught.value.param == param
    assert param in str(caught.value)
