"""What every block of the settings has in common."""

from pydantic import BaseModel, ConfigDict


class Block(BaseModel):
    """Frozen; an unknown name in it is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
