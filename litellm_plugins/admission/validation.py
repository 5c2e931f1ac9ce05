"""Is a request fit to be asked at all? Decided before anything is looked up, reserved or sent. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.admission import conversation
from litellm_plugins.admission.faults import Fault, above
from litellm_plugins.admission.measuring import Measure, measure, pieces
from litellm_plugins.model import RefusalReason

if TYPE_CHECKING:
    from litellm_plugins.settings.admission import Admission

_KB = 1_024


def fault_of(
    body: Mapping[str, Any], endpoint: str, limits: Admission, *, known_model: Callable[[str], bool], body_bytes: int
) -> tuple[Fault | None, Measure]:
    """The first fault, if any but of the prompt's length; and what there is of it, for `too_long`."""
    if limits.max_body_kb is not None and body_bytes > limits.max_body_kb * _KB:
        reason = RefusalReason.BODY_TOO_LARGE
        return above(reason, "body", what="bytes", limit=limits.max_body_kb * _KB, actual=body_bytes), Measure()
    if fault := _of_model(body.get("model"), known_model):
        return fault, Measure()
    if fault := conversation.fault_of(body, endpoint, allow_empty=limits.allow_empty):
        return fault, Measure()
    found = measure(body, conversation=conversation.CONVERSATIONS[endpoint])
    return _of_size(found, endpoint, limits), found


def too_long(found: Measure, endpoint: str, limits: Admission, count: Callable[[str], int]) -> Fault | None:
    """Counts no further than the limit. Burns CPU, unless `surely_short`."""
    most = limits.max_prompt_tokens
    if most is None or surely_short(found, limits):
        return None
    tokens = found.overhead_tokens
    for piece in pieces(found.texts):
        if tokens > most:
            break
        tokens += count(piece)
    if tokens <= most:
        return None
    name = conversation.CONVERSATIONS[endpoint]
    reason = RefusalReason.PROMPT_TOO_LONG
    return above(reason, name, what="tokens", limit=most, actual=tokens, at_least=True)


def surely_short(found: Measure, limits: Admission) -> bool:
    """Whether there is nothing to count."""
    return limits.max_prompt_tokens is None or found.most_tokens <= limits.max_prompt_tokens


def _of_model(model: object, known_model: Callable[[str], bool]) -> Fault | None:
    if model is None or model == "":
        return Fault(RefusalReason.MISSING_FIELD, "model", "model: is required")
    if not isinstance(model, str):
        return Fault(RefusalReason.MALFORMED, "model", "model: must be a string")
    if not known_model(model):
        return Fault(RefusalReason.UNKNOWN_MODEL, "model", "model: there is no model of this name here; see /v1/models")
    return None


def _of_size(found: Measure, endpoint: str, limits: Admission) -> Fault | None:
    name = conversation.CONVERSATIONS[endpoint]
    counted = (
        (RefusalReason.TOO_MANY_MESSAGES, name, "messages", limits.max_messages, found.turns),
        (RefusalReason.TOO_MANY_TOOLS, "tools", "tools", limits.max_tools, found.tools),
        (RefusalReason.TOO_MANY_IMAGES, name, "images", limits.max_images, len(found.image_bytes)),
    )
    for reason, field, what, limit, actual in counted:
        if limit is not None and actual > limit:
            return above(reason, field, what=what, limit=limit, actual=actual)
    if limits.max_image_kb is not None:
        largest = max(found.image_bytes, default=0)
        if largest > limits.max_image_kb * _KB:
            most = limits.max_image_kb * _KB
            what = "bytes for one image"
            return above(RefusalReason.IMAGE_TOO_LARGE, name, what=what, limit=most, actual=largest)
    return None
