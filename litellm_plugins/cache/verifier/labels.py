"""What the verifier learns from, and where it is kept: the protocol that every backend keeps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from litellm_plugins.cache.verifier.features import FEATURE_VERSION, Features

FRESH, REVIEWER, USER = "", "reviewer", "user"  # who says so: a fresh answer, somebody who reviews, an end user
SECOND_LOOK = "second_look"  # the same as a fresh answer, and a person has looked at the comparison since
OF_REQUESTS = frozenset({FRESH, SECOND_LOOK})  # which come with a request, and stand for some


@dataclass(frozen=True, slots=True)
class Label:
    """One candidate answer that was compared with a fresh one. Holds no text of anybody."""

    features: Features
    right: bool  # the fresh answer says the same
    weight: (
        float  # requests that it stands for: 1 for a miss, 1 over its chance for a hit that was checked, 0 for people
    )
    requests: int  # that its worker saw since its last label, this one among them
    created_at: float  # UNIX seconds
    by: str = FRESH

    def packed(self) -> bytes:
        """The features as float32, for keeping."""
        return self.features.astype(np.float32).tobytes()


def unpacked(blob: bytes) -> Features:
    """The features out of what `Label.packed` gave."""
    return np.frombuffer(blob, np.float32).astype(np.float64)


def domain_of(space: str, tenant: str = "") -> str:
    """Under what the labels of an embedding space are kept; those of one tenant's requests alone, if one is named."""
    return f"{space}/{FEATURE_VERSION}" + (f"/tenant/{tenant_word(tenant)}" if tenant else "")


def tenant_word(tenant: str) -> str:
    """Of a length of its own, whatever the tenant is called."""
    return hashlib.blake2b(tenant.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class LabelStore(Protocol):
    """Labels and fits, shared by every worker. `domain` separates what must not be mixed, such as vector spaces.

    Every method raises `StoreUnavailable` when the store cannot answer.
    """

    async def add_label(self, domain: str, label: Label) -> int:
        """Keep `label`; returns how many the domain has had so far, this one among them: 1, 2, 3, …"""

    async def count_labels(self, domain: str) -> int:
        """How many the domain has had so far: the number of the last one."""

    async def newest_labels(self, domain: str, limit: int) -> list[Label]:
        """The last `limit` labels, oldest first."""

    async def save_fit(self, domain: str, version: int, fit: bytes) -> None:
        """Keep a fit, unless one of that version or a newer one is there."""

    async def newest_fit(self, domain: str, *, above: int) -> tuple[int, bytes] | None:
        """The fit of the highest version, if that is above `above`."""
