"""What suites share that talk to a real proxy: the proxy, its config, its provider."""

from tests.support.answers import Answer, Metrics, StreamedAnswer
from tests.support.config import KEYS, MASTER_KEY, Keys, model, proxy_config, without_pack, write_config
from tests.support.process import free_port, proxy_env
from tests.support.provider import Provider, mark_of
from tests.support.proxy import ROUTES, Route, RunningProxy
from tests.support.waiting import eventually

__all__ = [
    "KEYS",
    "MASTER_KEY",
    "ROUTES",
    "Answer",
    "Keys",
    "Metrics",
    "Provider",
    "Route",
    "RunningProxy",
    "StreamedAnswer",
    "eventually",
    "free_port",
    "mark_of",
    "model",
    "proxy_config",
    "proxy_env",
    "without_pack",
    "write_config",
]
