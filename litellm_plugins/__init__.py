"""A plugin pack for a stock LiteLLM proxy: caching, routing, budgets and what they saved.

One line of YAML loads it: ``callbacks: ["litellm_plugins.proxy.handler"]``. Importing this package
imports nothing else, so that the command line and the tests start fast; ``docs/architecture.md`` has the map.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
