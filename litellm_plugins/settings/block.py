"""What every block of the settings has in common."""

from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict


class Block(BaseModel):
    """Frozen; an unknown name in it is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def twice(what: str, names: Iterable[str]) -> list[str]:
    """The fault, if any, that some of `names` are given more than once."""
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    return [f"{what} given twice: {', '.join(repeated)}"] if repeated else []
