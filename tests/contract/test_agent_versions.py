from __future__ import annotations

import pytest
from pydantic import ValidationError

from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_versions import LatestPublish, TagAssign, VersionPublish, VersionSummary
from tests.contract.samples import AUDIO


def test_a_list_of_versions_says_what_each_is_and_what_it_was_made_from() -> None:
    agent = Agent.model_validate(
        {
            "agent_id": "agent_1",
            "version": 2,
            "base_version": 1,
            "is_published": True,
            "version_title": "spring",
            "response_engine": AUDIO,
            "last_modification_timestamp": 7,
        }
    )
    assert VersionSummary.of(agent).as_json() == {
        "version": 2,
        "is_published": True,
        "last_modification_timestamp": 7,
        "base_version": 1,
        "version_title": "spring",
    }


def test_only_the_latest_version_can_be_published_without_its_number() -> None:
    assert LatestPublish.model_validate({}).version is None
    with pytest.raises(ValidationError):
        VersionPublish.model_validate({})


@pytest.mark.parametrize("tag", ["", "Prod", "a b", "x" * 21])
def test_a_tag_is_short_and_in_lower_case(tag: str) -> None:
    with pytest.raises(ValidationError):
        TagAssign.model_validate({"tag": tag, "version": 1})


def test_a_tag_is_removed_by_null_and_by_nothing_less() -> None:
    assert TagAssign.model_validate({"tag": "prod", "version": None}).version is None
    with pytest.raises(ValidationError):
        TagAssign.model_validate({"tag": "prod"})
