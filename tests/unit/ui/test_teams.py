"""Which team a name means."""

from __future__ import annotations

import pytest

from litellm_plugins.errors import RequestError
from litellm_plugins.ui.teams import Team, the_one

SALES, SUPPORT = Team("t-1", "Sales"), Team("t-2", "Support")


@pytest.mark.parametrize("name", ["t-1", "Sales"])
def test_a_team_goes_by_its_id_and_its_alias(name: str) -> None:
    assert the_one(name, [SALES, SUPPORT, SALES]) == SALES
    assert (SALES.word, Team("t-3").word) == ("Sales", "t-3")


@pytest.mark.parametrize("other", [Team("t-3", "Sales"), Team("Sales"), Team("t-1"), Team("t-3", "t-1")])
@pytest.mark.parametrize("name", ["t-1", "Sales"])
def test_a_team_whose_name_is_another_s_as_well_is_none(name: str, other: Team) -> None:
    with pytest.raises(RequestError, match="another team"):
        the_one(name, [SALES, SUPPORT, other])


def test_a_name_that_nobody_has_is_none() -> None:
    with pytest.raises(RequestError, match="no team"):
        the_one("sales", [SALES, SUPPORT])
