"""What holds for every object of the API."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.parsing.json_text import parse_json
from ari_agent.contract.parsing.model import MAX_METADATA_BYTES, ContractModel, unknown_keys, without_defaults
from ari_agent.contract.phone_number import PhoneNumberUpdate
from ari_agent.contract.registered_call import PhoneCallRegister
from ari_agent.contract.transfer_event import TransferOption
from tests.contract.samples import SAMPLES

by_name = pytest.mark.parametrize(("model", "sample"), SAMPLES, ids=[model.__name__ for model, _ in SAMPLES])

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def _places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(document, dict):
        found += [place for key, value in document.items() for place in _places(value, (*path, key))]
    elif isinstance(document, list):
        found += [place for index, value in enumerate(document) for place in _places(value, (*path, index))]
    return found


def _replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.copy(document)
    changed[path[0]] = _replaced(document[path[0]], path[1:], value)
    return changed


@by_name
def test_a_full_document_is_accepted_whole(model: type[ContractModel], sample: dict[str, Any]) -> None:
    assert model.model_validate(sample).model_fields_set >= set(sample) & set(model.model_fields)


@by_name
def test_what_is_written_reads_back(model: type[ContractModel], sample: dict[str, Any]) -> None:
    thing = model.model_validate(sample)
    assert model.model_validate(parse_json(json.dumps(thing.as_record()).encode())) == thing
    assert model.model_validate(thing.as_record()).as_record() == thing.as_record()
    json.dumps(thing.as_json(), allow_nan=False)


@by_name
def test_unknown_keys_are_ignored(model: type[ContractModel], sample: dict[str, Any]) -> None:
    assert model.model_validate({**sample, "nobody_knows_this": {"a": 1}}) == model.model_validate(sample)


@by_name
def test_objects_do_not_change(model: type[ContractModel], sample: dict[str, Any]) -> None:
    thing = model.model_validate(sample)
    with pytest.raises(ValidationError):
        setattr(thing, next(iter(model.model_fields)), None)


@by_name
@given(data=st.data())
def test_a_document_that_is_wrong_anywhere_is_explained_in_one_line_or_reads_back(
    data: st.DataObject, model: type[ContractModel], sample: dict[str, Any]
) -> None:
    path = data.draw(st.sampled_from(_places(sample)))
    given_document = _replaced(sample, path, data.draw(any_json))
    try:
        thing = model.model_validate(given_document)
    except ValidationError as error:
        message = explain(error, given_document)
        assert message
        assert "\n" not in message
        assert len(message) < 3000
    else:
        assert model.model_validate(thing.as_record()).as_record() == thing.as_record()


@by_name
@given(document=any_json)
def test_no_document_crashes_an_object(document: Any, model: type[BaseModel], sample: dict[str, Any]) -> None:
    try:
        model.model_validate(document)
    except ValidationError as error:
        assert explain(error, document)


REQUIRED = [
    (model, sample, name)
    for model, sample in SAMPLES
    for name, field in model.model_fields.items()
    if field.is_required()
]


@pytest.mark.parametrize(
    ("model", "sample", "required"), REQUIRED, ids=[f"{model.__name__}.{name}" for model, _, name in REQUIRED]
)
def test_a_required_field_that_is_missing_is_named(
    model: type[BaseModel], sample: dict[str, Any], required: str
) -> None:
    without = {key: value for key, value in sample.items() if key != required}
    with pytest.raises(ValidationError) as refused:
        model.model_validate(without)
    assert f"{required}: required" in explain(refused.value, without)


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": "x" * MAX_METADATA_BYTES},
        {"a": ["x"] * 20_000},
        {f"{number}": 1 for number in range(10_000)},
        {"a": [[[]]] * 60_000},
    ],
)
def test_metadata_of_a_call_has_a_limit(metadata: Any) -> None:
    with pytest.raises(ValidationError, match="at most 51200 bytes of JSON"):
        PhoneCallRegister.model_validate({"agent_id": "agent_1", "metadata": metadata})


def test_metadata_up_to_the_limit_is_kept() -> None:
    metadata = {"a": "x" * (MAX_METADATA_BYTES - len('{"a":""}'))}
    assert PhoneCallRegister.model_validate({"agent_id": "agent_1", "metadata": metadata}).metadata == metadata


def test_dynamic_variables_are_at_most_a_thousand() -> None:
    variables = {f"{number}": "x" for number in range(1001)}
    with pytest.raises(ValidationError, match="at most 1000 items"):
        PhoneCallRegister.model_validate({"agent_id": "agent_1", "retell_llm_dynamic_variables": variables})


def test_the_schema_of_an_update_has_no_defaults() -> None:
    class Created(ContractModel):
        volume: float = 1.0

    class Updated(Created):
        model_config = ConfigDict(json_schema_extra=without_defaults)

    assert Created.model_json_schema()["properties"]["volume"]["default"] == 1.0
    assert "default" not in Updated.model_json_schema()["properties"]["volume"]


@pytest.mark.parametrize(
    ("model", "body", "unknown"),
    [
        (PhoneNumberUpdate, {"nickname": "a", "inbound_agent_id": "b", "nick": 1}, ["nick"]),
        (TransferOption, {"coldTransferMode": "sip_refer", "cold_transfer_mode": "sip_refer", "mode": 1}, ["mode"]),
        (PhoneNumberUpdate, ["nick"], []),
    ],
)
def test_keys_that_are_neither_fields_nor_older_names_are_unknown(
    model: type[BaseModel], body: object, unknown: list[str]
) -> None:
    assert list(unknown_keys(model, body)) == unknown
