"""`storage.url`: which ones are taken, what is wrong with the others, and that a password is never shown."""

from __future__ import annotations

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import Storage, parse

SECRET = "hunter2"


def storage(url: object, **settings: object) -> Storage:
    return parse({"storage": {"url": url, **settings}}).storage


def fault(url: object) -> str:
    with pytest.raises(SettingsError) as caught:
        storage(url)
    (problem,) = caught.value.problems
    return problem.removeprefix("callback_settings.litellm_plugins.storage.url: ")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://cache", "redis://cache"),
        ("redis://cache:6380/", "redis://cache:6380"),
        ("redis://cache/0", "redis://cache"),
        (f"redis://:{SECRET}@cache:6379", "redis://cache:6379"),
        (f"rediss://user:{SECRET}%40%2F%23x@[::1]:6379", "rediss://[::1]:6379"),
        (f"rediss://{SECRET}@cache?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=required", "rediss://cache"),
    ],
)
def test_a_redis_url_is_taken_and_shown_without_its_password(url: str, shown: str) -> None:
    taken = storage(url)
    assert taken.is_redis
    assert taken.url == url
    assert taken.shown_url == shown
    assert SECRET not in f"{taken!r} {taken} {parse({'storage': {'url': url}})!r}"


def test_a_file_is_no_redis() -> None:
    assert not storage("sqlite:///redis.db").is_redis
    assert storage("sqlite:///redis.db").shown_url == "sqlite:///redis.db"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://", "names no host"),
        (f"redis://:{SECRET}@", "names no host"),
        (f"redis://:{SECRET}", "is the port a number"),
        (f"redis://cache:{SECRET}", "is the port a number"),
        (f"redis://:{SECRET}/x@cache:6379", "percent-encoded"),
        (f"redis://:{SECRET}#x@cache:6379", "percent-encoded"),
        (f"redis://:{SECRET}?x@cache:6379", "percent-encoded"),
        (f"redis://:{SECRET}@[cache:6379", "percent-encoded"),
        (f"redis://:{SECRET}@cache:99999", "is the port a number"),
        (f"redis://:{SECRET}@cache/1", "database 0 only"),
        (f"redis://cache?password={SECRET}", "only these options may follow"),
        (f"rediss://cache?ssl_password={SECRET}", "only these options may follow"),
        (f"redis://:{SECRET}@cache?ssl_cert_reqs=none", "options of TLS need rediss://"),
        (f"redis:{SECRET}@cache", "expected sqlite:///PATH"),
        (f"redis:/:{SECRET}@cache", "expected sqlite:///PATH"),
        (f"REDIS://:{SECRET}@cache", "expected sqlite:///PATH"),
        (f"REDISS://:{SECRET}/@cache", "expected sqlite:///PATH"),
        (f":{SECRET}@cache:6379", "expected sqlite:///PATH"),
        (f"valkey://:{SECRET}/x@cache:6379", "expected sqlite:///PATH"),
        (f"mysql://cache?password={SECRET}", "expected sqlite:///PATH"),
    ],
)
def test_a_wrong_url_is_told_what_is_wrong_and_never_repeats_a_password(url: str, said: str) -> None:
    """Wherever in it the password was put, and however it was mistyped."""
    told = fault(url)
    assert said in told
    assert SECRET not in told


def test_a_variable_that_is_not_set_is_what_an_empty_url_is_taken_for() -> None:
    """The host hands over None for `os.environ/REDIS_URL` where there is no REDIS_URL."""
    assert "is that variable set?" in fault(None)


@pytest.mark.parametrize("prefix", ["", "a b", "a:b", "a*", "{a}", "ä", "x" * 65])
def test_a_prefix_is_a_plain_word(prefix: str) -> None:
    """It becomes part of keys and of patterns that the server matches."""
    with pytest.raises(SettingsError, match=r"storage\.key_prefix"):
        storage("redis://cache", key_prefix=prefix)
