"""OpenAI's files and batches, asked with the credentials of the host's own deployments.

By the client that the host itself asks them with, past its logging: that would take each look for a request, and price
the whole batch once more, on nobody's account.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import litellm
import openai
from litellm.llms.custom_httpx.http_handler import get_ssl_configuration
from litellm.secret_managers.main import get_secret_str
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from litellm_plugins.batch.lines import Result, read, written
from litellm_plugins.batch.provider import File, Progress, ProviderFault
from litellm_plugins.batch.wish import PARAMETERS

if TYPE_CHECKING:
    from litellm import Router

    from litellm_plugins.batch.queue import Batch, Deferred

NAME_IN_METADATA = "litellm_plugins_batch"
_PROVIDER = "openai"
_TIMEOUT_S = 120.0  # of one request: shorter than what the worker waits before it looks for a batch
_PAGES, _PAGE = 20, 100  # of the latest batches: how far one is looked for
_BUSY = frozenset({408, 409, 425, 429})  # 4xx that may be asked again
_UNSURE = frozenset({408, 409})  # of which something on the way may have spoken, or a request that is still under way
_OWN = frozenset({"model", "messages"})
_DEFAULT_BASE = "https://api.openai.com/v1"


class OpenAiBatches:
    """Keeps `batch.provider.Provider`."""

    def __init__(self, router: Callable[[], Router | None], *, timeout_s: float = _TIMEOUT_S) -> None:
        self._router, self._timeout_s = router, timeout_s

    async def upload(self, batch: Batch, requests: Sequence[Deferred]) -> File:
        deployment = self.deployment_of(batch)
        content = await asyncio.to_thread(written, requests, model=_model_of(deployment))
        async with self._client(deployment) as client:
            file = (f"{batch.id}.jsonl", content)
            made = await _asked(client.files.create(file=file, purpose="batch"))
        return File(made.id, str(deployment["model_info"]["id"]))

    async def create(self, batch: Batch, file: File) -> str:
        async with self._client(self.deployment_of(batch)) as client:
            made = await _asked(
                client.batches.create(
                    input_file_id=file.id,
                    endpoint="/v1/chat/completions",
                    completion_window="24h",
                    metadata={NAME_IN_METADATA: batch.id},
                )
            )
        return str(made.id)

    async def look_up(self, batch: Batch) -> str | None:
        deployment = self.deployment_of(batch)
        async with self._client(deployment) as client:
            after: Any = openai.NOT_GIVEN
            for _ in range(_PAGES):
                page = await _asked(client.batches.list(limit=_PAGE, after=after))
                for each in page.data:
                    if (each.metadata or {}).get(NAME_IN_METADATA) == batch.id:
                        return str(each.id)
                if not page.has_more or not page.data:
                    if _info(deployment).get("id") != batch.deployment:
                        raise ProviderFault("no_deployment", "it is not with another one than it was given to")
                    return None
                after = page.data[-1].id
        raise ProviderFault("too_many_batches", f"{_PAGES * _PAGE} batches are newer than one that is looked for")

    async def progress(self, batch: Batch) -> Progress:
        async with self._client(self.deployment_of(batch)) as client:
            told = await _asked(client.batches.retrieve(batch.provider_id))
        counts = told.request_counts
        if told.status == "completed" and not told.output_file_id and counts is not None and counts.completed:
            return Progress("finalizing")  # its file is not there yet
        errors = (told.errors.data if told.errors is not None else None) or []
        return Progress(
            told.status,
            told.output_file_id or "",
            told.error_file_id or "",
            tuple(each.line for each in errors if each.line is not None),
            next((each.code for each in errors if each.code), ""),
        )

    async def results(self, batch: Batch, progress: Progress) -> list[Result]:
        found: list[Result] = []
        async with self._client(self.deployment_of(batch)) as client:
            for file_id in filter(None, (progress.error_file, progress.output_file)):
                content = await _asked(client.files.content(file_id))
                found += await asyncio.to_thread(_read, content.content)
        return found

    async def cancel(self, batch: Batch) -> None:
        async with self._client(self.deployment_of(batch)) as client:
            await _asked(client.batches.cancel(batch.provider_id))

    def offers(self, model_group: str) -> bool:
        """Whether a deployment of the group has batches."""
        return bool(self._deployments(model_group))

    def worded(self, model_group: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What is asked in the words of a deployment's model, as the host would say it, with the deployment's defaults.

        Raises: litellm.UnsupportedParamsError, where that model takes no such parameter and the host drops none.
        """
        deployment = self._deployments(model_group)[0]
        own = deployment["litellm_params"]
        defaults = {name: own.get(name) for name in PARAMETERS - _OWN if own.get(name) is not None}
        said = litellm.get_optional_params(
            model=_model_of(deployment),
            custom_llm_provider=_PROVIDER,
            messages=asked["messages"],
            **{**defaults, **{name: value for name, value in asked.items() if name not in _OWN}},
        )
        more = said.pop("extra_body", None) or {}
        said.pop("stream", None)
        return {"messages": asked["messages"], **said, **more}

    def is_for_everybody(self, model_group: str, team_id: str | None) -> bool:
        """Whether the host would let everybody reach every deployment that it has for the group, and for that team."""
        router = self._router()
        named = [] if router is None else router.get_model_list(model_name=model_group) or []
        own = [] if router is None else router.get_model_list(model_name=model_group, team_id=team_id) or []
        found: list[Mapping[str, Any]] = [*named, *own]
        groups = {frozenset(_info(each).get("access_groups") or ()) for each in found}
        return len(groups) <= 1 and not any(map(_is_reserved, found))

    def _deployments(self, model_group: str) -> list[Mapping[str, Any]]:
        """Those with batches that everybody may reach: a batch holds the requests of many."""
        router = self._router()
        found = [] if router is None else router.get_model_list(model_name=model_group) or []
        return [
            each
            for each in found
            if _is_openai(each["litellm_params"])
            and not _is_reserved(each)
            and _info(each).get("blocked") is not True
            and not each["litellm_params"].get("extra_body")  # which would not be in the file
        ]

    def deployment_of(self, batch: Batch) -> Mapping[str, Any]:
        """That the batch was given to; another of the group where the host has it no more. Raises: ProviderFault."""
        found = self._deployments(batch.model_group)
        if not found:
            raise ProviderFault("no_deployment", batch.model_group, is_certain=True)
        return next((each for each in found if each["model_info"]["id"] == batch.deployment), found[0])

    @asynccontextmanager
    async def _client(self, deployment: Mapping[str, Any]) -> AsyncIterator[AsyncOpenAI]:
        parameters, router = deployment["litellm_params"], self._router()
        if router is None:
            raise ProviderFault("no_deployment", "the host has no router yet", is_certain=True)
        told = router.get_deployment_credentials_with_provider(str(deployment["model_info"]["id"]))
        if told is None:  # it is paused, or another team's: never with the environment's key in its place
            raise ProviderFault("no_deployment", "the host gives out no credentials of it", is_certain=True)
        headers = parameters.get("extra_headers")
        whose = (parameters.get("organization"), litellm.organization, get_secret_str("OPENAI_ORGANIZATION"))
        client = AsyncOpenAI(
            api_key=told.get("api_key")
            or litellm.api_key
            or litellm.openai_key
            or get_secret_str("OPENAI_API_KEY")
            or "",
            base_url=_base_of(told.get("api_base") or parameters.get("base_url")),
            organization=next(filter(None, whose), None),
            default_headers=headers if isinstance(headers, Mapping) else None,
            timeout=self._timeout_s,
            max_retries=0,  # whether a batch is begun twice is for the worker to know
            http_client=DefaultAsyncHttpxClient(verify=get_ssl_configuration()),  # whom the host trusts
        )
        async with client:
            yield client


def _read(content: bytes) -> list[Result]:
    return list(read(content))


async def _asked(work: Awaitable[Any]) -> Any:
    """Raises: ProviderFault, in place of the client's own errors."""
    try:
        return await work
    except openai.APIStatusError as exc:
        refused = exc.status_code < 500
        is_certain = refused and exc.status_code not in _UNSURE
        code = str(exc.code or f"status_{exc.status_code}")
        is_lasting = refused and exc.status_code not in _BUSY
        kind = "provider_refused" if is_lasting else "provider_busy" if refused else "provider_error"
        raise ProviderFault(code, type(exc).__name__, kind=kind, is_certain=is_certain, is_lasting=is_lasting) from exc
    except openai.APITimeoutError as exc:
        raise ProviderFault("provider_timeout") from exc
    except openai.APIConnectionError as exc:
        raise ProviderFault("provider_unreachable", type(exc.__cause__).__name__) from exc
    except openai.OpenAIError as exc:
        raise ProviderFault("provider_error", type(exc).__name__) from exc


def _model_of(deployment: Mapping[str, Any]) -> str:
    return str(deployment["litellm_params"]["model"]).removeprefix(f"{_PROVIDER}/")


def _base_of(named: Any) -> str:
    """Where the host would send a chat: what is to stay with a server of one's own must not go elsewhere."""
    found = (
        named
        or litellm.api_base
        or get_secret_str("OPENAI_BASE_URL")
        or get_secret_str("OPENAI_API_BASE")
        or _DEFAULT_BASE
    )
    return str(found)


def _info(deployment: Mapping[str, Any]) -> Mapping[str, Any]:
    found = deployment.get("model_info")
    return found if isinstance(found, Mapping) else {}


def _is_reserved(deployment: Mapping[str, Any]) -> bool:
    """Whether the host gives it to some of its callers only: of a team, at times of a team, or of a tag."""
    parameters, info = deployment["litellm_params"], _info(deployment)
    return any(info.get(name) for name in ("team_id", "access_windows")) or any(
        parameters.get(name) for name in ("tags", "tag_regex")
    )


def _is_openai(parameters: Mapping[str, Any]) -> bool:
    named, model = parameters.get("custom_llm_provider"), str(parameters.get("model") or "")
    return named == _PROVIDER if named else model.startswith(f"{_PROVIDER}/") or _is_listed(model)


def _is_listed(model: str) -> bool:
    return "/" not in model and model in litellm.open_ai_chat_completion_models
