"""The values that stages hand on."""

from __future__ import annotations

import dataclasses
import re

import pytest

from litellm_plugins.errors import PluginError, RequestError, SettingsError, StoreUnavailable
from litellm_plugins.model import CacheControls, Identity, Layer, Reason, Reply, Request, Usage
from tests.unit.cache.builders import chat, reply


@pytest.mark.parametrize("kind", [Layer, Reason])
def test_every_word_can_stand_in_a_header_a_label_and_a_tag(kind: type[Layer] | type[Reason]) -> None:
    """The same string everywhere, so that somebody can look for it."""
    for word in kind:
        assert re.fullmatch(r"[a-z][a-z_]*", str(word))
        assert f"{word}" == word.value
    assert len({str(word) for word in kind}) == len(list(kind))


@pytest.mark.parametrize("value", [chat(), reply(), Identity(), CacheControls(), Usage()])
def test_what_is_handed_on_cannot_be_changed(value: Request | Reply | Identity | CacheControls | Usage) -> None:
    """A stage that changed a request would change it for the stages that decided on it already."""
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)


def test_an_error_says_what_it_is_and_whether_to_try_again() -> None:
    """Whoever answers for it needs a code, a status and a field at fault."""
    assert (PluginError().code, PluginError().retryable, PluginError().http_status) == ("plugin_error", False, 500)
    unavailable = StoreUnavailable("store_busy", "locked")
    assert (unavailable.reason, str(unavailable)) == ("store_busy", "store_busy: locked")
    assert (unavailable.retryable, unavailable.http_status) == (True, 503)
    assert str(StoreUnavailable("closed")) == "closed"
    refused = RequestError("ttl must be a number", param="cache.ttl")
    assert (refused.param, refused.http_status, str(refused)) == ("cache.ttl", 400, "ttl must be a number")


def test_a_settings_error_holds_every_problem_and_reads_one_a_line() -> None:
    """The boot prints it as it is."""
    error = SettingsError(["a: wrong", "b: wrong too"])
    assert error.problems == ("a: wrong", "b: wrong too")
    assert str(error) == "a: wrong\nb: wrong too"
