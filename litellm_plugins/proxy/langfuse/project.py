"""The Langfuse project that the host's callbacks write to, as its LANGFUSE_* variables say."""

from __future__ import annotations

from collections.abc import Mapping

from litellm_plugins.errors import PluginError
from litellm_plugins.review.langfuse_client import Project

_CLOUD = "https://cloud.langfuse.com"
_HOSTS = ("LANGFUSE_HOST", "LANGFUSE_BASE_URL", "LANGFUSE_OTEL_HOST")
_PUBLIC, _SECRET = "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"


class LangfuseUnset(PluginError):
    """There is nobody to talk to."""

    code = "langfuse_unset"
    http_status = 409


def host_of(environ: Mapping[str, str]) -> str:
    """Where it is."""
    url = next((found for name in _HOSTS if (found := environ.get(name))), _CLOUD)
    return (url if url.startswith(("http://", "https://")) else f"http://{url}").rstrip("/")


def is_configured(environ: Mapping[str, str]) -> bool:
    """Whether there is somebody to write to."""
    return bool(environ.get(_PUBLIC) and environ.get(_SECRET))


def project_of(environ: Mapping[str, str]) -> Project:
    """Raises: LangfuseUnset."""
    if not is_configured(environ):
        raise LangfuseUnset(f"{_PUBLIC} and {_SECRET} are not set where the proxy runs")
    return Project(host_of(environ), environ[_PUBLIC], environ[_SECRET])
