"""A tool that a callback of the host's kind carries out: it makes the host ask a model again."""

from __future__ import annotations

from typing import Any

from litellm.integrations.custom_logger import CustomLogger
from litellm.types.integrations.custom_logger import AgenticLoopPlan, AgenticLoopRequestPatch

CALLBACK = f"{__name__}.looking_up"
LOOK_UP = "look_up"
FOUND = "what was found " * 20


def _called(response: Any) -> list[dict[str, Any]]:
    if isinstance(response, dict):
        calls = response.get("content") or ()
    elif choices := getattr(response, "choices", None):
        calls = [each.model_dump() for each in choices[0].message.tool_calls or ()]
    else:
        calls = [each.model_dump() for each in getattr(response, "output", ())]
    return [each for each in calls if LOOK_UP in (each.get("name"), (each.get("function") or {}).get("name"))]


def _followed(surface: str, call: dict[str, Any]) -> list[dict[str, Any]]:
    if surface == "responses":
        kept = {name: call[name] for name in ("type", "call_id", "name", "arguments")}
        return [kept, {"type": "function_call_output", "call_id": call["call_id"], "output": FOUND}]
    if surface == "anthropic_messages":
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": FOUND}
        return [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    made = {"role": "assistant", "content": None, "tool_calls": [call]}
    return [made, {"role": "tool", "tool_call_id": call["id"], "content": FOUND}]


class LookingUp(CustomLogger):
    """What the host's own interceptors are: web search, code, compression. It has the host ask again, once."""

    async def async_should_run_agentic_loop(self, *_: Any, **asked: Any) -> tuple[bool, dict[str, Any]]:
        """Whether the model called the tool."""
        calls = _called(asked["response"])
        return bool(calls), {"calls": calls}

    async def async_build_agentic_loop_plan(self, *_: Any, **asked: Any) -> AgenticLoopPlan:
        """The conversation with what was found."""
        said, surface = asked["messages"], asked["kwargs"]["_agentic_loop_api_surface"]
        said = said if isinstance(said, list) else [{"role": "user", "content": said}]
        more = [each for call in asked["tools"]["calls"] for each in _followed(surface, call)]
        return AgenticLoopPlan(run_agentic_loop=True, request_patch=AgenticLoopRequestPatch(messages=[*said, *more]))


looking_up = LookingUp()
