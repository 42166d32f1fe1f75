"""MessageBird's three webhook signatures: a JWT, the legacy signature of the query, and Bird's of the URL.

If a request has a JWT, only the JWT counts, so an attacker cannot choose a weaker check.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from urllib.parse import unquote_to_bytes, urlencode

from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest, unique_members
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Key

JWT = "messagebird-signature-jwt"
SIGNATURE = "messagebird-signature"
TIMESTAMP = "messagebird-request-timestamp"

ALGORITHMS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
"""The JWT's accepted algorithms: neither ``none`` nor any asymmetric one."""

ISSUER = "MessageBird"
LEEWAY = 1
"""Seconds by which the two clocks may differ, as in MessageBird's own libraries."""

_PARTS = 3


def verify(request: HttpRequest, *, secrets: Sequence[Key], now: datetime) -> timedelta | None:
    """The age of ``request`` if one of ``secrets`` signed it, else raise ``InvalidSignature``.

    None for a JWT, which has its own expiry. An empty secret is no key, because anybody can sign with it.
    """
    keys = [parsing.octets(key.secret) for key in secrets if key.secret]
    token = request.headers.get(JWT)
    if token is None:
        return parsing.age(_check_hmac(request, keys), now=now)
    claims = _signed_claims(token, keys)
    _check_claims(claims, now)
    _check_url(claims, request.url)
    _check_body(claims, request.body)
    return None


def _signed_claims(token: str, keys: Sequence[bytes]) -> dict[str, object]:
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise InvalidSignature("the JWT does not have three parts")
    header, claims, signature = (_base64url(part) for part in parts)
    algorithm = _algorithm(_json_object(header))
    signed = f"{parts[0]}.{parts[1]}".encode()
    if not any(hmac.compare_digest(hmac.digest(key, signed, algorithm), signature) for key in keys):
        raise InvalidSignature("no accepted key signed the JWT")
    return _json_object(claims)


def _algorithm(header: dict[str, object]) -> str:
    # RFC 7515 4.1.11: unknown critical extensions must be refused; b64 is one (RFC 7797).
    if "crit" in header or "b64" in header or not isinstance(header.get("kid", ""), str):
        raise InvalidSignature("the JWT uses an extension that MessageBird does not")
    name = header.get("alg")
    algorithm = ALGORITHMS.get(name) if isinstance(name, str) else None
    if algorithm is None:
        raise InvalidSignature("the JWT's algorithm is not accepted")
    return algorithm


def _check_claims(claims: dict[str, object], now: datetime) -> None:
    if claims.get("iss") != ISSUER:
        raise InvalidSignature("the JWT has another issuer")
    if claims.get("aud") or any(not isinstance(claims.get(name, ""), str) for name in ("jti", "sub")):
        raise InvalidSignature("the JWT is not meant for us")
    moment = now.timestamp()
    if _seconds(claims.get("nbf")) > moment + LEEWAY or _seconds(claims.get("exp")) <= moment - LEEWAY:
        raise InvalidSignature("the JWT is not valid at this time")


def _seconds(claim: object) -> int:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise InvalidSignature("the JWT lacks a time")
    try:
        return int(claim)
    except (ValueError, OverflowError):  # NaN and infinity, which Python's JSON reads
        raise InvalidSignature("the JWT's time is no number") from None


def _check_url(claims: dict[str, object], url: str) -> None:
    if not any(_is_hash_of(parsing.octets(variant), claims.get("url_hash")) for variant in parsing.url_variants(url)):
        raise InvalidSignature("the JWT was signed for another URL")


def _check_body(claims: dict[str, object], body: bytes) -> None:
    """The JWT must have a body hash exactly if there is a body."""
    matches = _is_hash_of(body, claims.get("payload_hash")) if body else "payload_hash" not in claims
    if not matches:
        raise InvalidSignature("the JWT was signed for another body")


def _is_hash_of(content: bytes, claim: object) -> bool:
    digest = hashlib.sha256(content).hexdigest().encode()
    return isinstance(claim, str) and hmac.compare_digest(digest, parsing.octets(claim))


def _check_hmac(request: HttpRequest, keys: Sequence[bytes]) -> int:
    """The timestamp of the two older signatures; they share headers and differ in the signed text.

    The timestamp's age is not limited: retries hours later had the original one, and a repeated report has no effect.
    A legacy text is never a valid Bird text, because it has no ``:``.
    """
    signature, stamp = request.headers.get(SIGNATURE), request.headers.get(TIMESTAMP)
    if signature is None or stamp is None:
        raise InvalidSignature("there is no signature")
    if not re.fullmatch(r"[0-9]{1,19}", stamp):
        raise InvalidSignature("the signature's timestamp is no number")
    body_hash = hashlib.sha256(request.body).digest()
    texts = [_sorted_query(request.url), *map(parsing.octets, parsing.url_variants(request.url))]
    signed = [b"\n".join((stamp.encode(), text, body_hash)) for text in texts]
    expected = (b64encode(hmac.digest(key, text, "sha256")) for key in keys for text in signed)
    if not any(hmac.compare_digest(each, parsing.octets(signature)) for each in expected):
        raise InvalidSignature("no accepted key signed this URL and body")
    return int(stamp)


def _sorted_query(url: str) -> bytes:
    """The query decoded, stably sorted by name and encoded again, as bytes, so that nothing is lost."""
    query = parsing.octets(url).partition(b"?")[2].replace(b"+", b" ")
    pairs = (part.partition(b"=") for part in query.split(b"&") if part)
    decoded = [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]
    return urlencode(sorted(decoded, key=itemgetter(0))).encode()


def _base64url(part: str) -> bytes:
    try:
        octets = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise InvalidSignature("the JWT is not base64url") from None
    if urlsafe_b64encode(octets).rstrip(b"=").decode() != part:  # padding, foreign characters, spare bits
        raise InvalidSignature("the JWT is not canonical base64url")
    return octets


def _json_object(octets: bytes) -> dict[str, object]:
    try:
        value = json.loads(octets, object_pairs_hook=unique_members)
    except (ValueError, RecursionError):
        raise InvalidSignature("the JWT is not readable JSON") from None
    if not isinstance(value, dict):
        raise InvalidSignature("the JWT is not made of JSON objects")
    return value
