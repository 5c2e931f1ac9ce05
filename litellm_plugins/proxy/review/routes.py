"""`/plugins/review/…`: the queue, verdicts, the report and rows to train on; for the host's admins only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.proxy.admin_http import reading, writing

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

    from litellm_plugins.proxy.review.loop import HostReview

ROOT = "/plugins/review"


def review_routes(review: HostReview) -> list[APIRoute]:
    """The routes to put ahead of the host's."""
    return [
        reading(f"{ROOT}/queue", lambda _, query: review.queue(query)),
        reading(f"{ROOT}/report", lambda _, query: review.report(query)),
        reading(f"{ROOT}/outcomes", lambda _, query: review.outcomes(query)),
        writing(f"{ROOT}/verdicts", review.desk.take),
        writing(f"{ROOT}/sync", review.sync.run),
        reading(f"{ROOT}/replay", lambda _, query: review.replay.run(query)),
        writing(f"{ROOT}/judge", review.opinions.run),
        writing(f"{ROOT}/dataset", review.replay.dataset),
    ]
