"""A model group of the proxy as the judge of answers, called through the host's own router."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from litellm_plugins.cache.judge import MAX_TOKENS, JudgeUnavailable, Said
from litellm_plugins.proxy.host.conversion import CONTROL_HEADER
from litellm_plugins.proxy.host.prices import told_nano_usd

if TYPE_CHECKING:
    from litellm import Router

_LONGEST_S = 60.0  # a call that is late is waited for, since it is paid for; but not for ever


def host_router() -> Router | None:
    """The running proxy's."""
    from litellm.proxy import proxy_server

    router: Router | None = proxy_server.llm_router
    return router


class HostJudge:
    """Asks the model group `name` of the proxy's config. The host charges nobody's key or team with it.

    A reply has at most `max_tokens`.
    """

    def __init__(
        self, name: str, *, max_tokens: int = MAX_TOKENS, router: Callable[[], Router | None] = host_router
    ) -> None:
        self._name, self._max_tokens, self._router = name, max_tokens, router

    async def ask(self, rules: str, case: str) -> Said:
        """See `Judge`. Only asks where the host can say what it costs."""
        router = self._router()
        if router is None:
            raise JudgeUnavailable("no_router", "the proxy's router is not up yet")
        problem = why_not(router, self._name)
        if problem is not None:
            raise problem
        try:
            response = await router.acompletion(
                model=self._name,
                messages=[{"role": "system", "content": rules}, {"role": "user", "content": case}],
                temperature=0,
                max_tokens=self._max_tokens,
                drop_params=True,  # some models take no temperature
                timeout=_LONGEST_S,
                num_retries=0,
                disable_fallbacks=True,  # the verdict of the model that was chosen, or none
                metadata={},  # no ticket in it: our own cache and hooks let it pass
                # Should the model lie behind another proxy with this pack, or behind this one: that lets it pass, too.
                # (`extra_headers` would take the place of the deployment's own.)
                headers={CONTROL_HEADER: "bypass"},
                **{"no-log": True},  # two users' texts in one prompt belong in nobody's trace, and in nobody's spend
            )
            return Said(_text_of(response), told_nano_usd(response))
        except Exception as exc:
            # Only the kind: a provider's error text may repeat the prompt, or part of a key.
            raise JudgeUnavailable("provider_error", f"{self._name}: {type(exc).__name__}") from exc


def why_not(router: Router, name: str) -> JudgeUnavailable | None:
    """What keeps the group from being asked; None: nothing. A model without a price would make the budget a wish."""
    deployments = router.get_model_list(model_name=name) or []
    if not deployments:
        return JudgeUnavailable("unknown_model", f"there is no model group {name!r} in model_list")
    if not all(_is_priced(router, deployment) for deployment in deployments):
        hint = "set input_cost_per_token and output_cost_per_token in its litellm_params (0 where it costs nothing)"
        return JudgeUnavailable("unpriced", f"the host knows no price for {name!r}: {hint}")
    return None


def _is_priced(router: Router, deployment: Any) -> bool:
    known = router.get_deployment_model_info(
        model_id=deployment["model_info"]["id"], model_name=deployment["litellm_params"]["model"]
    )
    return known is not None and known.get("input_cost_per_token") is not None


def _text_of(response: Any) -> str:
    content = response.choices[0].message.content
    return content if isinstance(content, str) else ""
