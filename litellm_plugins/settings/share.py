"""A share of something, as people write it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_HINT = "expected a share: 10% or 0.1"


def _as_number(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the YAML
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(_HINT)
    if isinstance(value, str):
        text = value.strip()
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            raise ValueError(_HINT) from None
        value = number / 100 if text.endswith("%") else number
    if not 0 <= value <= 1:
        raise ValueError(f"{_HINT}, from 0 to 100%")
    return value


Share = Annotated[float, BeforeValidator(_as_number), Field(ge=0, le=1)]
