"""Which of the host's calls the budgets cover, by the words that its hooks have for them.

What is not named here is not covered: under a budget it is refused, unless `ledger.uncovered` says otherwise. So a
call that a newer host brings along is refused until somebody has looked at what it costs.
"""

from __future__ import annotations

from typing import Literal

from litellm_plugins.proxy.budgets.tariff import MCP_TOOL
from litellm_plugins.proxy.host.conversion import endpoint_of

Coverage = Literal["tokens", "pieces", "tool", "free", "none"]

# At a price for each picture, second, letter or search: `ledger.other_request_usd` is reserved for one at the least,
# and what the host logs is booked. A model without any price is refused like any other.
PIECES = frozenset(
    {
        *("image_generation", "aimage_generation", "image_edit", "aimage_edit"),
        *("speech", "aspeech", "transcription", "atranscription"),
        *("rerank", "arerank", "moderation", "amoderation"),
    }
)
# Nobody bills them: they read, list, cancel or delete, or keep something that costs only once it is used.
FREE = frozenset(
    {
        *("aget_responses", "adelete_responses", "acancel_responses", "alist_input_items"),
        *("acreate_file", "afile_retrieve", "afile_delete", "afile_list", "afile_content"),
        *("aretrieve_batch", "alist_batches", "acancel_batch"),
        *("alist_fine_tuning_jobs", "aretrieve_fine_tuning_job", "acancel_fine_tuning_job"),
        *("avector_store_list", "avector_store_retrieve", "avector_store_update", "avector_store_delete"),
        *("avector_store_file_list", "avector_store_file_retrieve", "avector_store_file_content"),
        *("avector_store_file_update", "avector_store_file_delete"),
        *("alist_containers", "aretrieve_container", "adelete_container"),
        *("alist_container_files", "aretrieve_container_file", "adelete_container_file"),
        *("aupload_container_file", "aretrieve_container_file_content"),
        *("avideo_list", "avideo_status", "avideo_content", "avideo_get_character"),
        *("acreate_skill", "alist_skills", "aget_skill", "adelete_skill"),
        *("acreate_eval", "alist_evals", "aget_eval", "aupdate_eval", "adelete_eval", "acancel_eval"),
        *("alist_runs", "aget_run", "acancel_run", "adelete_run"),
        *("aget_interaction", "adelete_interaction", "acancel_interaction"),
        *("aget_agent", "alist_agents", "alist_agent_versions", "adelete_agent"),
        "list_mcp_tools",
    }
)


def coverage_of(call_type: str) -> Coverage:
    """How the budgets cover such a call: by its `tokens`, its `pieces`, its `tool`'s price; it is `free`; or `none`."""
    if endpoint_of(call_type) is not None:
        return "tokens"
    if call_type == MCP_TOOL:
        return "tool"
    if call_type in PIECES:
        return "pieces"
    return "free" if call_type in FREE else "none"
