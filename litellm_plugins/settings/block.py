"""What every block of the settings has in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


class Block(BaseModel):
    """Frozen; an unknown name in it is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    # Settings that no team, key or model can have its own of, each with what there is only one of.
    one_for_all: ClassVar[Mapping[str, str]] = {}

    def overridden(self, over: Mapping[str, Any]) -> Self:
        """The block with what `over` names replaced, block by block. Raises: ValidationError."""
        return type(self).model_validate(deep_merge(self.model_dump(exclude_unset=True), over))


def deep_merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `over` names replaced, block by block."""
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = deep_merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def faults_below(faults: Mapping[str, ValidationError], model: type[BaseModel], *path: str) -> ValidationError:
    """The faults of what stands under some names at `path` of `model`, each with its whole path."""
    lines = [
        InitErrorDetails(
            type=PydanticCustomError("value_error", "{told}", {"told": each["msg"]})
            if each["type"] == "value_error"
            else each["type"],
            loc=(*path, name, *each["loc"]),
            input=each["input"],
            ctx=each.get("ctx", {}),
        )
        for name, fault in faults.items()
        for each in fault.errors()
    ]
    return ValidationError.from_exception_data(model.__name__, lines)


def twice(what: str, names: Iterable[str]) -> list[str]:
    """The fault, if any, that some of `names` are given more than once."""
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    return [f"{what} given twice: {', '.join(repeated)}"] if repeated else []
