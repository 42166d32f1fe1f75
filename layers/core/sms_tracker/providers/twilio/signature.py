"""Twilio's webhook signature: the signed text, the hash and the possible keys."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from urllib.parse import parse_qs, quote

from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest, query_pairs
from sms_tracker.providers.base import Key
from sms_tracker.providers.parsing import octets, url_variants

SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"
Fields = tuple[tuple[str, str], ...]
_DEFAULT_PORTS = {"https": "443", "http": "80"}
_HASHES = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_IN_A_COMPONENT = "!'()*"
"""Unescaped by ``encodeURIComponent``, besides letters, digits and ``-._~``."""
_RAW = ("", _IN_A_COMPONENT, ":@", "!$'()*,/:;?@")
"""Unescaped in a signed query, besides those: nothing (a form), in Node, at Twilio, all that RFC 3986 allows."""
_NOT_IN_A_URL = frozenset(" \"#<>'")
_IN_A_URL = "".join(chr(octet) for octet in range(0x21, 0x7F) if chr(octet) not in _NOT_IN_A_URL)
"""Unescaped by the WHATWG URL standard in the query of an http(s) URL."""
_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[^/?]*?)(?P<port>:[0-9]+)?(?P<rest>[/?].*)?", re.DOTALL)


def verify(request: HttpRequest, *, secrets: Sequence[Key], now: datetime) -> None:  # noqa: ARG001 - Twilio signs no time
    """Return if one of ``secrets`` signed ``request``, else raise ``InvalidSignature``."""
    signature = request.headers.get(SIGNATURE)
    if not signature:
        raise InvalidSignature("no X-Twilio-Signature header")
    fields = query_pairs(form(request))
    algorithm, candidates = _scheme(request, fields, secrets)
    claimed = octets(signature)
    signed = _signed_fields(request, fields)
    for url in _signed_urls(request.url):
        text = octets(url + signed)
        for key in candidates:
            digest = hmac.digest(octets(key.secret), text, algorithm)
            if hmac.compare_digest(b64encode(digest), claimed):
                return
    raise InvalidSignature("no accepted key signed this request")


def query(url: str) -> str:
    """The raw query of a URL, without its fragment."""
    return url.partition("#")[0].partition("?")[2]


def form(request: HttpRequest) -> str:
    """The body as form text, empty for JSON. Invalid UTF-8 becomes U+FFFD, as in web frameworks."""
    return "" if is_json(request) else request.body.decode("utf-8", "replace")


def is_json(request: HttpRequest) -> bool:
    """Whether the body is JSON. Then its hash is signed instead of its fields."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json"


def _scheme(request: HttpRequest, fields: Fields, keys: Sequence[Key]) -> tuple[str, list[Key]]:
    """The hash, and the possible keys: those of the account, or the one named in the settings header."""
    usable = [key for key in keys if key.secret]
    settings = request.headers.get(SETTINGS, "").strip()
    if not settings:
        account = dict(query_pairs(query(request.url)) + fields).get("AccountSid")
        return "sha1", [key for key in usable if key.owner is None or _owns(key.owner, account)]
    key_id, algorithm = _shared_key(settings)
    return algorithm, [key for key in usable if key.owner in {None, key_id}]


def _owns(owner: str, account: str | None) -> bool:
    """Whether the account may use the key: only auth tokens belong to an account. JSON bodies have no account."""
    return owner.startswith("AC") and account in {None, owner}


def _shared_key(settings: str) -> tuple[str, str]:
    """Key id and hash in ``key=<id>,algorithm=HMAC_SHA256`` (without algorithm SHA1, as in Twilio's SDKs).

    Malformed settings and any other algorithm are refused.
    """
    values: dict[str, str] = {}
    for part in settings.split(","):
        name, separator, value = (word.strip() for word in part.partition("="))
        if not separator or name in values:
            raise InvalidSignature("the signature settings are malformed")
        values[name] = value
    key_id, algorithm = values.get("key", ""), _HASHES.get(values.get("algorithm", "HMAC_SHA1").upper())
    if algorithm is None or not key_id or key_id.startswith("AC"):
        raise InvalidSignature("the signature settings have no known algorithm or no key")
    return key_id, algorithm


def _signed_fields(request: HttpRequest, fields: Fields) -> str:
    """The signed text after the URL: sorted form fields; for JSON nothing, because the URL has the body's hash."""
    if is_json(request):
        _check_body_hash(request)
    return "".join([name + value for name, value in sorted(set(fields))])


def _check_body_hash(request: HttpRequest) -> None:
    claimed = parse_qs(query(request.url)).get("bodySHA256", [""])[0]
    expected = hashlib.sha256(request.body).hexdigest()
    if not hmac.compare_digest(expected.encode(), octets(claimed)):
        raise InvalidSignature("the body does not match the hash in the URL")


def _signed_urls(url: str) -> Iterator[str]:
    """The possible signed URLs: in each spelling, with and without port, each once. Userinfo is signed too.

    Which of them Twilio signs depends on the product. The URL as received is first; the others are made lazily.
    """
    received = url.partition("#")[0]
    yield received
    seen = {received}
    for variant in chain(url_variants(received), _respelled(received)):
        for signed in _with_and_without_port(variant):
            if signed not in seen:
                seen.add(signed)
                yield signed


def _with_and_without_port(url: str) -> tuple[str, ...]:
    match = _URL.fullmatch(url)
    if match is None:
        return (url,)
    scheme, host, port, rest = match.group("scheme", "host", "port", "rest")
    origin, tail = f"{scheme}://{host}", rest or ""
    return f"{origin}{tail}", f"{origin}{port or ':' + _DEFAULT_PORTS[scheme]}{tail}"


def _respelled(url: str) -> Iterator[str]:
    """The query escaped by the URL standard, then decoded and escaped again in each way of :data:`_RAW`.

    ``It%27s+me`` on the wire may be signed as ``It's+me``, or the other way round. All spellings are the same query,
    and each is checked in full. The last one has repeated names together, as in Twilio's SDK for Node.
    """
    base, _, text = url.partition("?")
    if not text:
        return
    yield f"{base}?{quote(text, safe=_IN_A_URL, errors='surrogatepass')}"
    pairs = query_pairs(text)
    for raw in _RAW:
        for space in ("+", "%20"):
            yield f"{base}?{_spelled(pairs, raw, space)}"
    first = {name: at for at, (name, _) in reversed(tuple(enumerate(pairs)))}
    yield f"{base}?{_spelled(sorted(pairs, key=lambda pair: first[pair[0]]), _IN_A_COMPONENT, '%20')}"


def _spelled(pairs: Iterable[tuple[str, str]], raw: str, space: str) -> str:
    texts = ("=".join(quote(text, safe=raw, errors="surrogatepass") for text in pair) for pair in pairs)
    return "&".join(texts).replace("%20", space)
