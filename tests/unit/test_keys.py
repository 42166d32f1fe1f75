from __future__ import annotations

import hashlib
import re

import pytest

from ops.api_keys import new_key


def test_a_key_is_recognisable_and_has_256_random_bits() -> None:
    key, _ = new_key("shop", ["send"])

    assert re.fullmatch(r"smst_[A-Za-z0-9_-]{43}", key)


def test_no_two_keys_are_alike() -> None:
    assert len({new_key("shop", ["send"])[0] for _ in range(100)}) == 100


def test_the_item_holds_the_hash_and_never_the_key() -> None:
    key, item = new_key("shop", ["send", "read", "send"])

    assert item == {
        "pk": {"S": "key#" + hashlib.sha256(key.encode()).hexdigest()},
        "client": {"S": "shop"},
        "scopes": {"SS": ["read", "send"]},
        "ends": {"S": key[-4:]},
    }
    assert key not in str(item)


def test_an_expiry_is_a_number_that_ttl_understands() -> None:
    _, item = new_key("shop", ["read"], expires_at=1_800_000_000)

    assert item["expires_at"] == {"N": "1800000000"}


@pytest.mark.parametrize(("client", "scopes"), [("", ["send"]), ("shop", []), ("shop", ["sned"])])
def test_a_key_without_client_or_known_scope_is_refused(client: str, scopes: list[str]) -> None:
    with pytest.raises(ValueError, match="scopes of admin, read, send"):
        new_key(client, scopes)
