"""What may be compressed before it is sent, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, model_validator

from litellm_plugins.settings.block import Block, deep_merge, faults_below, twice
from litellm_plugins.settings.history import History
from litellm_plugins.settings.llmlingua import Llmlingua
from litellm_plugins.settings.share import Share

if TYPE_CHECKING:
    from litellm_plugins.settings.blocks import Settings

Method = Literal["lossless", "filler", "extractive", "llmlingua"]


class Extractive(Block):
    """How sentences are chosen."""

    embeddings: bool = False  # by meaning, too
    strict: bool = True  # every sentence with a number, a negation, a quotation… stays, whatever the rate


class Filler(Block):
    """Which languages' phrases are left out."""

    languages: tuple[Literal["en", "es"], ...] = Field(default=("en", "es"), min_length=1)


class Compression(Block):
    """The block `compression`, off by default."""

    enabled: bool = False
    methods: tuple[Method, ...] = Field(default=("lossless",), min_length=1)  # in this order
    min_tokens: int = Field(default=1_000, ge=0)  # of a text that may be touched: a shorter one stays as it is
    min_saved: Share = 0.05  # of the tokens of a text: where less would go, the original is sent
    deadline_ms: float = Field(default=500, gt=0, le=60_000)  # for one request; then the original is sent
    rate: Share = 0.5  # of the tokens of prose that may stay, for methods that leave something out
    rate_by_tier: dict[str, Share] = Field(default_factory=dict)  # instead, by the tier that a router chose
    filler: Filler = Filler()
    extractive: Extractive = Extractive()
    llmlingua: Llmlingua = Llmlingua()
    history: History = History()  # old turns of a conversation
    tools: bool = True  # write tool definitions more tightly, too
    features: dict[str, dict[str, Any]] = Field(default_factory=dict)  # what differs for a feature, by its name

    @model_validator(mode="after")
    def _sound(self) -> Compression:
        faults = twice("method", self.methods)
        if "llmlingua" in self.methods and not (self.llmlingua.url or self.llmlingua.model):
            faults.append("llmlingua: say where it runs (url), or which model to start it with (model)")
        faults += [
            f"features.{name}: a feature has none of its own" for name, o in self.features.items() if "features" in o
        ]
        if faults:
            raise ValueError("; ".join(faults))
        plain, wrong = self.model_dump(exclude={"features"}), {}
        for name, over in self.features.items():
            try:
                Compression.model_validate(deep_merge(plain, over))
            except ValidationError as exc:
                wrong[name] = exc
        if wrong:
            raise faults_below(wrong, Compression, "features")
        return self

    def rate_for(self, tier: str) -> float:
        """What may stay of a request that goes to `tier`; empty: no router chose one."""
        return self.rate_by_tier.get(tier, self.rate)

    def of_feature(self, name: str) -> Compression:
        """What holds for a request that says it is for feature `name`."""
        over = self.features.get(name)
        return self if over is None else self.overridden(over)


def faults_of_rates(settings: Settings) -> Iterator[str]:
    """A fault for every rate of a tier that no router has: no request would ever be compressed by it."""
    yield from _unknown(settings, settings.compression.model_dump(), "compression")
    for table in ("per_model", "per_team", "per_key"):
        for who, override in getattr(settings, table).items():
            shown = "sk-***" if who.startswith("sk-") else who
            yield from _unknown(settings, override.compression, f"{table}.{shown}.compression")


def _unknown(settings: Settings, block: Mapping[str, Any], root: str) -> Iterator[str]:
    rates, features = block.get("rate_by_tier"), block.get("features")
    for tier in rates if isinstance(rates, Mapping) else ():
        if fault := settings.routing.fault_of_tier(str(tier)):
            yield f"{root}.rate_by_tier.{tier}: {fault}"
    for name, over in features.items() if isinstance(features, Mapping) else ():
        if isinstance(over, Mapping):
            yield from _unknown(settings, over, f"{root}.features.{name}")
