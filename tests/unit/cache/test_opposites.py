"""Words that turn a question round."""

from __future__ import annotations

import pytest

from litellm_plugins.cache.verifier.text import is_opposed, read


def opposed(one: str, other: str) -> bool:
    a, b = read(one).word_set, read(other).word_set
    return is_opposed(a - b, b - a)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I activate alerts?", "How do I deactivate alerts?"),
        ("¿Cómo activo las alertas?", "¿Cómo desactivo las alertas?"),
        ("¿Cómo abro una cuenta?", "¿Cómo cierro una cuenta?"),
        ("Is it reliable?", "Is it unreliable?"),
        ("How do I send money to Spain?", "How do I send money from Spain?"),
        ("¿Cómo mando dinero a España?", "¿Cómo mando dinero desde España?"),
        ("Is it legal?", "Is it illegal?"),
        ("¿Cómo bloqueo la tarjeta?", "¿Cómo desbloqueo la tarjeta?"),
        ("Do I like it?", "Do I dislike it?"),
    ],
)
def test_are_seen_by_the_list_or_by_their_prefix(one: str, other: str) -> None:
    assert opposed(one, other)
    assert opposed(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where do I sign?", "Where do I design?"),
        ("Does it come?", "Is it income?"),
        ("What is a pin?", "What is unpin?"),
    ],
)
def test_are_not_made_of_what_only_looks_like_a_prefix(one: str, other: str) -> None:
    assert not opposed(one, other)
