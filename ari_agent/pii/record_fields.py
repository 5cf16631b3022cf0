"""Personal data in the records of calls and chats: in what clients, callers and models have filled in. Pure.

Source: Retell, "Data Storage Settings" (2026-08): scrubbing "across the transcript, recording, public logs, and
structured fields".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from ari_agent.contract.agent_options import PiiCategory
from ari_agent.contract.parsing.model import DataStorageSetting
from ari_agent.contract.storage_setting import FOUND, STRUCTURED
from ari_agent.pii.personal_data import BUILT_IN, FindMore, Recognizer
from ari_agent.pii.phone_numbers import regions_of
from ari_agent.pii.scrubber import Scrubber


def is_scrubbed(setting: DataStorageSetting | None, categories: Collection[PiiCategory] | None) -> bool:
    """Whether personal data is looked for in a call or chat of this data_storage_setting.

    categories: what its agent wants removed; None: it names none.
    """
    return setting == "everything_except_pii" or (setting != "basic_attributes_only" and bool(categories))


def scrubber_for(
    setting: DataStorageSetting | None,
    categories: frozenset[PiiCategory] | None,
    numbers: Iterable[str | None],
    find_more: FindMore | None = None,
) -> Scrubber | None:
    """Return what scrubs the content of a call or chat of this data_storage_setting; None where nothing is scrubbed.

    categories: what its agent wants removed; None: it names none. numbers: of its two sides, which say the countries
    whose telephone numbers are recognised without their country code. find_more: finds what is not built in.
    """
    if not is_scrubbed(setting, categories):
        return None
    return Scrubber(Recognizer(categories or BUILT_IN, regions_of(numbers), find_more))


def scrubbed_fields(record: BaseModel, scrubber: Scrubber) -> Mapping[str, Any]:
    """Return the attributes of a call or chat that hold what was filled in, without personal data, by their names.

    Raises:
        RecursionError: a value is nested too deep.
    """
    changes: dict[str, Any] = {}
    for key in STRUCTURED:
        if (value := getattr(record, key, None)) is not None:
            changes[key] = scrubber.json_value(value)
    for key, names in FOUND.items():
        if (found := getattr(record, key, None)) is not None:
            changes[key] = found.model_copy(update={name: scrubber.json_value(getattr(found, name)) for name in names})
    return changes
