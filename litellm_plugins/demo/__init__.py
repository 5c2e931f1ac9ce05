"""The demo: a stock proxy with the pack, a simulated provider, real questions, and what came of it."""

from litellm_plugins.demo.failure import DemoFailed
from litellm_plugins.demo.session import Options, run

__all__ = ["DemoFailed", "Options", "run"]
