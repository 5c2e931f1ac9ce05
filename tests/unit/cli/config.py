"""Config files for the commands' tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from litellm_plugins.virtual_keys.key_ring import hash_of

HANDLER = "litellm_plugins.proxy.handler"
SECRET = "sk-lp-somebodys-secret"
KEYS = {
    "teams": [{"id": "support", "models": ["small"]}],
    "keys": [
        {"name": "chat", "hash": f"sha256:{hash_of(SECRET)}", "team": "support", "user": "ann"},
        {"name": "batch", "hash": f"sha256:{hash_of('other')}", "models": ["small", "large"]},
    ],
}


def config(ours: dict[str, Any] | None, **host: Any) -> dict[str, Any]:
    """A proxy config with our block in it, as the README says."""
    return {
        "model_list": [],
        "litellm_settings": {"callbacks": [HANDLER], "enable_post_custom_auth_checks": True} | host,
        "general_settings": {
            "custom_auth": "litellm_plugins.proxy.virtual_key_auth",
            "custom_auth_run_common_checks": True,
            "disable_budget_reservation": True,
        },
        "callback_settings": {} if ours is None else {"litellm_plugins": ours},
    }


def write(folder: Path, content: object) -> str:
    """The path of a config file that holds `content`."""
    path = folder / "proxy_config.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)
