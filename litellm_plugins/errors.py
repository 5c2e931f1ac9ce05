"""The tree of our errors. Each knows its code, whether a retry may help, and its HTTP status."""

from __future__ import annotations

from collections.abc import Sequence


class PluginError(Exception):
    """Base of every error the pack raises on purpose."""

    code = "plugin_error"
    retryable = False
    http_status = 500


class SettingsError(PluginError):
    """The settings cannot be used; `problems` lists every fault found, each with the path to it."""

    code = "invalid_settings"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class RequestError(PluginError):
    """The client asked for something that makes no sense; `param` names the field at fault."""

    code = "invalid_request_error"
    http_status = 400

    def __init__(self, message: str, *, param: str) -> None:
        self.param = param
        super().__init__(message)


class NotFound(PluginError):
    """There is no such thing here (any more)."""

    code = "not_found"
    http_status = 404


class SignatureRefused(PluginError):
    """A webhook event is not signed, or not so that it could be believed; `reason` says why."""

    code = "invalid_signature"
    http_status = 401

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class StoreUnavailable(PluginError):
    """A store cannot do what was asked; `reason` is the word that metric and log carry."""

    code = "store_unavailable"
    retryable = True
    http_status = 503

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)
