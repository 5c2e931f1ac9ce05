"""Who has the cache already."""

from __future__ import annotations

from litellm_plugins.cache.rollout import is_rolled_out

KEYS = [f"{n:064x}" for n in range(4_000)]


def test_a_share_of_the_keys_has_it() -> None:
    for share in (0.1, 0.5):
        assert abs(sum(is_rolled_out(key, share) for key in KEYS) / len(KEYS) - share) < 0.03


def test_whoever_has_it_keeps_it_as_the_share_grows() -> None:
    for key in KEYS[:500]:
        assert is_rolled_out(key, 0.1) <= is_rolled_out(key, 0.4) <= is_rolled_out(key, 1.0)


def test_the_ends() -> None:
    assert not any(is_rolled_out(key, 0.0) for key in KEYS)
    assert all(is_rolled_out(key, 1.0) for key in KEYS)
    assert is_rolled_out(None, 1.0)
    assert not is_rolled_out(None, 0.99)
