"""Twilio's webhook signature: which string is signed, with which hash, by which of our keys."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs

from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest
from sms_tracker.providers.base import Key
from sms_tracker.providers.parsing import pairs, url_variants

SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"
Fields = tuple[tuple[str, str], ...]
_DEFAULT_PORTS = {"https": "443", "http": "80"}
_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[^/?]*?)(?P<port>:[0-9]+)?(?P<rest>[/?].*)?", re.DOTALL)


def check(request: HttpRequest, keys: Sequence[Key]) -> None:
    """Return if one of ``keys`` signed ``request``, else raise ``InvalidSignature``."""
    signature = request.headers.get(SIGNATURE)
    if not signature:
        raise InvalidSignature("no X-Twilio-Signature header")
    fields = pairs(form(request))
    algorithm, candidates = _scheme(request, fields, keys)
    given = signature.encode("utf-8", "surrogatepass")
    signed = _signed_fields(request, fields)
    for url in _signed_urls(request.url):
        text = (url + signed).encode("utf-8", "surrogatepass")
        for key in candidates:
            digest = hmac.digest(key.secret.encode("utf-8", "surrogatepass"), text, algorithm)
            if hmac.compare_digest(b64encode(digest), given):
                return
    raise InvalidSignature("no accepted key signed this request")


def query(url: str) -> str:
    """The raw query of a URL; the fragment, which is never sent, is no part of it."""
    return url.partition("#")[0].partition("?")[2]


def form(request: HttpRequest) -> str:
    """The body as form text, empty for JSON. Bytes that are no UTF-8 become U+FFFD, as in Twilio's SDKs' frameworks."""
    return "" if is_json(request) else request.body.decode("utf-8", "replace")


def is_json(request: HttpRequest) -> bool:
    """Whether the body is JSON, so that its hash is signed and not its fields."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json"


def _scheme(request: HttpRequest, fields: Fields, keys: Sequence[Key]) -> tuple[str, list[Key]]:
    """The hash, and the keys that may have signed: those of the account, or the one that the settings header names."""
    usable = [key for key in keys if key.secret]
    settings = request.headers.get(SETTINGS)
    if settings is None:
        account = dict(pairs(query(request.url)) + fields).get("AccountSid")
        return "sha1", [key for key in usable if key.owner is None or _owns(key.owner, account)]
    key_id = _key_id(settings)
    return "sha256", [key for key in usable if key.owner in {None, key_id}]


def _owns(owner: str, account: str | None) -> bool:
    """Auth tokens belong to an account (AC…), shared keys do not; JSON bodies name no account."""
    return owner.startswith("AC") and account in {None, owner}


def _key_id(settings: str) -> str:
    """The key named by ``key=<id>,algorithm=HMAC_SHA256``; whatever else it says is refused, not guessed at."""
    named: dict[str, str] = {}
    for part in settings.split(","):
        name, mark, value = (word.strip() for word in part.partition("="))
        if not mark or name in named:
            raise InvalidSignature("the signature settings are malformed")
        named[name] = value
    key_id = named.get("key", "")
    if named.get("algorithm", "").upper() != "HMAC_SHA256" or not key_id or key_id.startswith("AC"):
        raise InvalidSignature("the signature settings name no HMAC_SHA256 key")
    return key_id


def _signed_fields(request: HttpRequest, fields: Fields) -> str:
    """What is signed after the URL: sorted form fields, or for JSON nothing, once the URL vouches for the body."""
    if is_json(request):
        _check_body_hash(request)
    named: dict[str, set[str]] = {}
    for name, value in fields:
        named.setdefault(name, set()).add(value)
    return "".join(name + value for name in sorted(named) for value in sorted(named[name]))


def _check_body_hash(request: HttpRequest) -> None:
    claimed = parse_qs(query(request.url)).get("bodySHA256", [""])[0]
    expected = hashlib.sha256(request.body).hexdigest()
    if not hmac.compare_digest(expected.encode(), claimed.encode("utf-8", "surrogatepass")):
        raise InvalidSignature("the body is not the one that the URL vouches for")


def _signed_urls(url: str) -> Iterator[str]:
    """The URL in each encoding that a gateway may have undone, each with and without its port.

    Which of the two Twilio signs depends on the product, not on the URL. Userinfo stays: it is signed.
    """
    for variant in url_variants(url.partition("#")[0]):
        match = _URL.fullmatch(variant)
        if match is None:
            yield variant
            continue
        scheme, host, port, rest = match.group("scheme", "host", "port", "rest")
        origin, tail = f"{scheme}://{host}", rest or ""
        yield f"{origin}{tail}"
        yield f"{origin}{port or ':' + _DEFAULT_PORTS[scheme]}{tail}"
