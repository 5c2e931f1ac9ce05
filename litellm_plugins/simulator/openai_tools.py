"""Which tools a simulated model decides to call."""

from collections.abc import Sequence
from typing import Any

from litellm_plugins.simulator.answers import Tool, mentioned
from litellm_plugins.simulator.wire import RequestError


def tools_to_call(body: dict[str, Any], offered: Sequence[Any], question: str, last_role: str) -> tuple[Tool, ...]:
    """What `tool_choice` forces; else, and for `auto`, the tools that the question mentions by name.

    Raises:
        RequestError: the choice is not among the tools.
    """
    choice = body.get("tool_choice")
    tools = tuple(_functions(offered))
    if choice is not None and not tools:
        raise RequestError(400, "'tool_choice' is only allowed when 'tools' are given", param="tool_choice")
    if isinstance(choice, dict) and forces_function(choice):
        return (_named(tools, (choice.get("function") or {}).get("name")),)
    wanted = mentioned(tools, question)[: 1 if body.get("parallel_tool_calls") is False else None]
    if choice == "required":
        return wanted or tools[:1]
    # After a tool's result comes an answer in words: calling again would never end an agent's loop.
    return () if choice == "none" or last_role == "tool" else wanted


def forces_function(choice: object) -> bool:
    """Whether `tool_choice` names the function to call."""
    return isinstance(choice, dict) and choice.get("type") == "function"


def _functions(offered: Sequence[Any]) -> list[Tool]:
    functions = [tool["function"] for tool in offered if isinstance(tool, dict) and tool.get("function")]
    if not all(isinstance(function.get("name"), str) for function in functions):
        raise RequestError(400, "a tool's function must have a name", param="tools")
    return [Tool(each["name"], each.get("parameters") or {"type": "object"}) for each in functions]


def _named(tools: tuple[Tool, ...], name: str | None) -> Tool:
    for tool in tools:
        if tool.name == name:
            return tool
    raise RequestError(400, f"Tool choice {name!r} is not among 'tools'", param="tool_choice")
