"""Where the stores of the settings are kept."""

from __future__ import annotations

from pathlib import Path

from litellm_plugins.proxy.stores import open_stores
from litellm_plugins.settings import Settings
from tests.support.ledgers import LEASE, NOW, line, usd


async def test_the_ledger_has_a_file_of_its_own_that_is_made_when_it_is_needed(tmp_path: Path) -> None:
    """Whoever deletes the cache forgives nobody's spend; and without budgets there is no such file."""
    settings = Settings.model_validate({"storage": {"url": f"sqlite:///{tmp_path / 'pack.db'}"}})
    stores = open_stores(settings)
    await stores.entries.get("tenant", b"key")
    assert not (tmp_path / "pack.ledger.db").exists()
    await stores.ledger.reserve("a", [line("team", usd=10)], usd(1), now_ms=NOW, lease_ms=LEASE)
    assert (tmp_path / "pack.ledger.db").exists()
    await stores.ledger.aclose()
    await stores.entries.aclose()
