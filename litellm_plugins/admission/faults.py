"""What is wrong with a request, in words that never repeat what its user wrote."""

from __future__ import annotations

from dataclasses import dataclass

from litellm_plugins.model import RefusalReason

_STATUS = {
    RefusalReason.UNKNOWN_MODEL: 404,
    RefusalReason.BODY_TOO_LARGE: 413,
    RefusalReason.IMAGE_TOO_LARGE: 413,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request is not let in; `field` is the one at fault."""

    reason: RefusalReason
    field: str
    message: str

    @property
    def http_status(self) -> int:
        """400, unless the fault has a status of its own."""
        return _STATUS.get(self.reason, 400)


def above(reason: RefusalReason, field: str, *, what: str, limit: int, actual: int, at_least: bool = False) -> Fault:
    """More than there may be."""
    got = f"at least {actual}" if at_least else str(actual)
    return Fault(reason, field, f"{field}: at most {limit} {what} may be sent here, and this request has {got}")
