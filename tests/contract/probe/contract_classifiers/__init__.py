"""Classifiers of the contract tests' complexity routers: each does what the prompt says, and writes down what it saw.

`tier:COMPLEX` is answered by that word, `tier:none` by None; `tier:raise` raises, `tier:slow` comes too late.
`GET /contract/classified?about=WORDS` tells what every classifier saw of requests with these words in them.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from fastapi import APIRouter
from litellm.proxy import proxy_server

from litellm_plugins.proxy import ticket as tickets

SEEN: list[dict[str, Any]] = []
_SAID = re.compile(r"tier:([\w-]+)")
_LATE_S = 1.0  # the routers' `classifier_plugin_timeout_ms` is far below


class Classifier:
    """Named by the config as `contract_classifiers.NAME`."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def classify(self, context: Any) -> str | None:
        """The tier that the conversation's last word of it names."""
        text = json.dumps(context.structured_messages, default=str)
        ticket = tickets.find({"metadata": context.metadata})
        SEEN.append(
            {
                "by": self.name,
                "text": text,
                "messages": json.loads(text),
                "raw_messages": json.loads(json.dumps(context.raw_messages, default=str)),
                "candidates": list(context.candidate_models),
                "ticket": type(ticket).__name__ if ticket is not None else None,
                "decides_for": ticket.decision.request.model_group if ticket is not None else None,
                "endpoint": ticket.decision.request.endpoint if ticket is not None else None,
                "streams": ticket.decision.request.stream if ticket is not None else None,
                "tools": bool(ticket.decision.request.parameters.get("tools")) if ticket is not None else None,
                "metadata": sorted(context.metadata),
                "fields": sorted(type(context).model_fields),
            }
        )
        said = _SAID.findall(text)
        word = said[-1] if said else "none"
        if word == "raise":
            raise RuntimeError("the classifier was told to fail")
        if word == "slow":
            await asyncio.sleep(_LATE_S)
        return None if word == "none" else word


first, second, third, fourth, fifth = (Classifier(name) for name in ("first", "second", "third", "fourth", "fifth"))

router = APIRouter()


@router.get("/contract/classified")
async def classified(about: str) -> list[dict[str, Any]]:
    """What the classifiers saw, oldest first."""
    return [each for each in SEEN if about in each["text"]]


proxy_server.app.include_router(router)
