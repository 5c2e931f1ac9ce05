"""By which tokenizer a model's tokens are counted, in a name that the host's counters know.

They know OpenAI's models by their bare names only: "openai/gpt-4.1", "azure/gpt-4.1", a fine-tuned one and any name
that a deployment has of its own are counted by cl100k, though the model reads o200k. A name like "llama-3" makes them
fetch a tokenizer from the network. So whatever is counted goes through `tokenizer_of` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import tiktoken.model

O200K, CL100K = "gpt-4o", "gpt-4"  # of which the host knows the tokenizer
OF_OPENAI = frozenset({"openai", "azure", "text-completion-openai", "azure_text"})
_KNOWN = {"o200k_base": O200K, "o200k_harmony": O200K, "cl100k_base": CL100K}
_FINE_TUNED, _ON_BEDROCK = "ft:", "openai."


@lru_cache(1_024)
def tokenizer_of(model: str, provider: str = "", base_model: str = "") -> str:
    """Of a model as its deployment names it, with its provider before it or not.

    `base_model` is what an alias or an Azure deployment stands for, and goes before its name. A model of OpenAI's that
    is newer than our tables is taken to read o200k, as all since GPT-4o. Others' own are not published, or would have
    to be fetched: cl100k, as the host counts them.
    """
    for name in (base_model, model):
        bare = name.rsplit("/", 1)[-1].removeprefix(_FINE_TUNED).removeprefix(_ON_BEDROCK)
        try:
            encoding = tiktoken.model.encoding_name_for_model(bare)
        except KeyError:
            continue
        if encoding in _KNOWN:
            return _KNOWN[encoding]
    given = provider or (model.split("/", 1)[0] if "/" in model else "")
    return O200K if given in OF_OPENAI else CL100K


def base_model_of(*places: Mapping[str, Any]) -> str:
    """What a deployment says it stands for, in its parameters or its model info; "" where it says nothing."""
    return next((said for place in places if isinstance(said := place.get("base_model"), str) and said), "")
