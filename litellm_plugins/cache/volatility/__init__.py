"""How long an answer holds, and for whom: a class for each prompt, and what the settings make of it."""

from litellm_plugins.cache.volatility.classes import Judged, classify, inspected
from litellm_plugins.cache.volatility.treatment import Treatment, lifetime_s, slid_until, treat

__all__ = ["Judged", "Treatment", "classify", "inspected", "lifetime_s", "slid_until", "treat"]
