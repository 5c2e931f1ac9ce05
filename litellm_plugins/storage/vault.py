"""Texts sealed with keys of ours: AES-256-GCM, a fresh nonce for each, bound to the place where it lies."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_KEY_NAME_BYTES = 4  # of a key's digest: which of several keys a text was encrypted with
_NONCE_BYTES = 12
_URL_SAFE = str.maketrans("-_", "+/")


def key_from(text: str) -> bytes:
    """The 32 bytes that `text` spells in base64 or hexadecimal. Raises: ValueError; it never repeats the text."""
    for spelled in (bytes.fromhex, lambda value: base64.b64decode(value.translate(_URL_SAFE), validate=True)):
        try:
            key = spelled(text.strip())
        except (ValueError, binascii.Error):
            continue
        if len(key) == _KEY_BYTES:
            return key
    raise ValueError("expected 32 bytes in base64 or hexadecimal; `openssl rand -base64 32` makes some")


class Vault:
    """The first of `keys` seals, each opens. What was sealed for one place cannot be put in another's."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {hashlib.sha256(key).digest()[:_KEY_NAME_BYTES]: AESGCM(key) for key in keys}
        self._current = next(iter(self._ciphers))

    def seal(self, text: bytes, place: bytes) -> bytes:
        """`text`, to be read with one of the keys only."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._current + nonce + self._ciphers[self._current].encrypt(nonce, text, place)

    def opened(self, sealed: bytes, place: bytes) -> bytes | None:
        """What was sealed for `place`; None where none of the keys opens it there."""
        cipher = self._ciphers.get(sealed[:_KEY_NAME_BYTES])
        if cipher is None:
            return None
        nonce, text = sealed[_KEY_NAME_BYTES:][:_NONCE_BYTES], sealed[_KEY_NAME_BYTES + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, text, place)
        except (InvalidTag, ValueError):
            return None
