"""The only folder that knows LiteLLM. A proxy config may name three things of it:

- `litellm_settings.callbacks: ["litellm_plugins.proxy.handler"]` loads the pack;
- `general_settings.custom_auth: litellm_plugins.proxy.virtual_key_auth` serves virtual keys from the YAML block;
- `complexity_router_config.classifier_plugin: litellm_plugins.proxy.router` has the host's router decide as ours does.

All are made on first use, so importing this package is cheap. They live here, in a package, and not in a module of
its own, because the host would load a module that lies beside its config a second time, by path.
"""

from __future__ import annotations

from typing import Any

__all__ = ["handler", "router", "virtual_key_auth"]


def __getattr__(name: str) -> Any:
    if name == "handler":
        from litellm_plugins.proxy.boot import load_handler

        return load_handler()
    if name == "virtual_key_auth":
        from litellm_plugins.proxy.auth import virtual_key_auth

        return virtual_key_auth
    if name == "router":
        from litellm_plugins.proxy.routing.router_classifier import RouterClassifier

        return RouterClassifier()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
