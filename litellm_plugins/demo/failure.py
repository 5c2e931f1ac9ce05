"""What ends the demo early."""

from __future__ import annotations

from litellm_plugins.errors import PluginError


class DemoFailed(PluginError):
    """The demo cannot go on; the message is for the person who started it."""

    code = "demo_failed"
