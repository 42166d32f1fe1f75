from __future__ import annotations

import hashlib
import re

import pytest

from ops.api_keys import new_key


def test_a_key_is_recognisable_and_has_256_random_bits() -> None:
    keys = {new_key("shop", ["send"])[0] for _ in range(100)}

    assert len(keys) == 100
    assert all(re.fullmatch(r"smst_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_the_item_holds_the_hash_and_never_the_key_and_an_expiry_as_ttl_reads_it() -> None:
    key, item = new_key("shop", ["send", "read", "send"], expires_at=1_800_000_000)

    assert item == {
        "pk": {"S": "key#" + hashlib.sha256(key.encode()).hexdigest()},
        "client": {"S": "shop"},
        "scopes": {"SS": ["read", "send"]},
        "ends": {"S": key[-4:]},
        "expires_at": {"N": "1800000000"},
    }
    assert key not in str(item)
    assert "expires_at" not in new_key("shop", ["send"])[1]


@pytest.mark.parametrize(("client", "scopes"), [("", ["send"]), ("shop", []), ("shop", ["sned"])])
def test_a_key_without_client_or_known_scope_is_refused(client: str, scopes: list[str]) -> None:
    with pytest.raises(ValueError, match="scopes of admin, read, send"):
        new_key(client, scopes)
