"""DynamoDB's typed JSON, against boto3's own reading and writing of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.aws.api import marshal, typed, unmarshal
from sms_tracker.domain.status import Status

pytestmark = pytest.mark.no_cover  # other tests cover what it uses

PLAIN = st.text() | st.booleans() | st.integers(-(10**37), 10**37) | st.sets(st.text(min_size=1), min_size=1)
VALUES = st.recursive(PLAIN, lambda inner: st.dictionaries(st.text(min_size=1), inner, max_size=3), max_leaves=6)


def in_any_order(value: Any) -> Any:
    """The same with its sets sorted: DynamoDB keeps no order of them."""
    if isinstance(value, dict):
        return {name: sorted(each) if name == "SS" else in_any_order(each) for name, each in value.items()}
    return value


@given(st.dictionaries(st.text(min_size=1), VALUES, max_size=4))
def test_what_is_written_is_what_boto3_writes_and_read_again_as_boto3_reads_it(values: dict[str, object]) -> None:
    written, serializer, deserializer = marshal(values), TypeSerializer(), TypeDeserializer()
    assert in_any_order({"M": written}) == in_any_order(serializer.serialize(values))
    assert unmarshal(written) == values
    assert unmarshal(written) == {name: deserializer.deserialize(value) for name, value in written.items()}


def test_a_word_of_an_enumeration_is_written_as_its_text_and_none_is_left_out() -> None:
    assert marshal({"a": None, "b": 0, "c": Status.SENT}) == {"b": {"N": "0"}, "c": {"S": "sent"}}


@pytest.mark.parametrize("value", [1.5, Decimal(1), b"octets", None, [1], set(), frozenset(), object()])
def test_what_no_record_holds_is_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        typed(value)


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ({"N": "1.5"}, "1.5"),
        ({"N": "-7"}, -7),
        ({"NULL": True}, True),
        ({"L": [{"S": "a"}]}, [{"S": "a"}]),
        ({"B": "AA=="}, "AA=="),
    ],
)
def test_what_somebody_else_stored_beside_is_no_trouble(stored: dict[str, Any], read: object) -> None:
    assert unmarshal({"theirs": stored}) == {"theirs": read}
