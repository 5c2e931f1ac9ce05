"""Whose labels decide: everybody's, until a tenant has enough of its own and they explain it better.

Where one tenant alone is served, everybody's labels are its own, and nothing is kept twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier.features import Features
from litellm_plugins.cache.verifier.labels import tenant_word
from litellm_plugins.cache.verifier.verifier import Assessment, Verifier

_MOST = 256  # tenants whose own are held; whoever comes back to one finds its labels and fit in the store


class Assessor(Protocol):
    """What decides about a neighbour."""

    async def assess(
        self,
        question: str,
        neighbours: Sequence[Neighbour],
        *,
        rate: float,
        checks: bool = True,
        check_share: float = 0.0,
    ) -> Assessment | None:
        """As `Verifier.assess`."""


@dataclass(frozen=True, slots=True)
class TenantVerifier:
    """The verifier as one tenant's requests meet it: its own where that has a fit, else the common one."""

    common: Verifier
    own: Verifier | None

    async def assess(
        self,
        question: str,
        neighbours: Sequence[Neighbour],
        *,
        rate: float,
        checks: bool = True,
        check_share: float = 0.0,
    ) -> Assessment | None:
        """As `Verifier.assess`."""
        decides = self.own if self.own is not None and await self.own.has_fit() else self.common
        return await decides.assess(question, neighbours, rate=rate, checks=checks, check_share=check_share)

    def saw_request(self) -> None:
        """Count one request, whatever becomes of it."""
        self.common.saw_request()
        if self.own is not None:
            self.own.saw_request()

    def saw_answer(self, answer_id: bytes) -> None:
        """Count that this answer was given."""
        self.common.saw_answer(answer_id)

    def saw_question(self, question: str) -> None:
        """Count the words of a question that was stored."""
        self.common.saw_question(question)

    async def learn(self, assessment: Assessment, *, right: bool) -> None:
        """Take in what a fresh answer says of the candidate. Raises: StoreUnavailable."""
        await self.common.learn(assessment, right=right)
        if self.own is not None:
            await self.own.learn(assessment, right=right)

    async def told(self, features: Features, *, right: bool, by: str) -> None:
        """Take in what a person says of a hit. Raises: StoreUnavailable."""
        await self.common.told(features, right=right, by=by)
        if self.own is not None:
            await self.own.told(features, right=right, by=by)


class Verifiers:
    """The common verifier and those of tenants."""

    def __init__(self, common: Verifier) -> None:
        self._common = common
        self._first: str | None = None
        self._own: OrderedDict[str, Verifier] = OrderedDict()

    def of(self, tenant: str) -> TenantVerifier:
        """The one that `tenant`'s requests meet."""
        if self._first is None:
            self._first = tenant
        if tenant == self._first and not self._own:
            return TenantVerifier(self._common, None)
        if tenant not in self._own:
            self._own[tenant] = self._common.for_tenant(tenant_word(tenant))
            if len(self._own) > _MOST:
                self._own.popitem(last=False)
        self._own.move_to_end(tenant)
        return TenantVerifier(self._common, self._own[tenant])

    async def aclose(self) -> None:
        """Give up the fits that are being made."""
        for verifier in (self._common, *self._own.values()):
            await verifier.aclose()
