"""Bird's errors (status, type, code, name), their envelope, and the checks of a request to send."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from local.simulators import segments
from local.simulators.send_endpoint import Refusal

_TABLE = (
    (400, "bad_request_error", "E01002", "InvalidRequest", "The request cannot be read."),
    (401, "auth_error", "E01901", "Unauthorized", "The API key is missing, malformed or unknown."),
    (402, "billing_error", "E01902", "WalletEmpty", "The wallet cannot fund this."),
    (403, "permission_error", "E01903", "PermissionDenied", "The API key lacks the scope for this."),
    (404, "not_found_error", "E01904", "NotFound", "There is no such resource."),
    (409, "conflict_error", "E01004", "RequestInProgress", "A request with this idempotency key is in progress."),
    (409, "conflict_error", "E01005", "IdempotencyKeyReuse", "This idempotency key was used for another request."),
    (409, "conflict_error", "E01909", "TooManySecrets", "The endpoint has five valid secrets."),
    (421, "misdirected_error", "E01010", "WrongRegion", "The organization lives in another region."),
    (422, "validation_error", "E01001", "ValidationError", "Request validation failed."),
    (422, "validation_error", "E01012", "InvalidCursor", "The cursor is not one of ours."),
    (422, "validation_error", "E01029", "UnknownQueryParameter", "There is no such query parameter."),
    (422, "validation_error", "E12020", "CountryNotEnabled", "The workspace may not send to this country."),
    (422, "validation_error", "E12901", "SMSInvalidRecipient", "The recipient cannot be routed."),
    (422, "validation_error", "E12902", "SMSSenderNotConfigured", "The workspace does not hold this sender."),
    (422, "validation_error", "E12903", "SMSNoEligibleSender", "No sender of the workspace may send there."),
    (422, "validation_error", "E12904", "SenderCategoryNotPermitted", "The sender is registered for other categories."),
    (422, "validation_error", "E12905", "SMSSenderReserved", "The sender is reserved."),
    (422, "validation_error", "E12906", "SMSUnsupportedFeature", "This is a preview that is not available."),
    (429, "rate_limit_error", "E01929", "RateLimited", "Too many requests."),
    (499, "internal_error", "E01036", "ClientClosedRequest", "The client closed the request."),
    (500, "internal_error", "E01900", "InternalError", "Something went wrong."),
    (503, "service_unavailable_error", "E01930", "ServiceUnavailable", "The service is not available."),
    (503, "service_unavailable_error", "E01033", "IdempotencyUnavailable", "The key store did not answer."),
)
"""Codes with 9 as the third digit from the right are made up: Bird publishes only the names."""

ERRORS = tuple(Refusal(status=status, code=code, text=text) for status, _, code, _, text in _TABLE)
_CATEGORIES = ("transactional", "marketing", "authentication", "service")
_PREVIEWS = frozenset({"validity_period", "scheduled_at", "media_urls", "campaign_id", "contact_id", "binary"})
"""Fields that are refused to a workspace outside their preview."""
_FIELDS = frozenset({"to", "from", "text", "category", "tags", "metadata", "options"})
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 _.-]{1,9}[A-Za-z0-9]")
_MOST_SEGMENTS, _MOST_METADATA = 12, 2048
_NAMES = {code: (kind, name) for _, kind, code, name, _ in _TABLE}


def error_named(name: str, parameter: str | None = None) -> Refusal:
    """The error of that name, perhaps about a parameter."""
    row = next(row for row in _TABLE if row[3] == name)
    return Refusal(status=row[0], code=row[2], text=row[4], parameter=parameter)


def envelope(refusal: Refusal) -> dict[str, Any]:
    """An error in Bird's format; a validation error also names its parameter in ``details``."""
    kind, name = _NAMES.get(str(refusal.code), ("validation_error", "Undocumented"))
    error: dict[str, Any] = {
        "type": kind,
        "code": str(refusal.code),
        "name": name,
        "message": refusal.text,
        "doc_url": f"https://docs.bird.com/errors/{refusal.code}",
        "request_id": f"req_{uuid4().hex[:26]}",
    }
    if refusal.parameter:
        error |= {"param": refusal.parameter, "details": [{"param": refusal.parameter, "message": refusal.text}]}
    return {"error": error}


def fault(given: Mapping[str, Any]) -> Refusal | None:
    """The first error in a request to send; Bird refuses unknown fields."""
    for name in given:
        if name in _PREVIEWS:
            return error_named("SMSUnsupportedFeature", name)
        if name not in _FIELDS:
            return error_named("ValidationError", name)
    to, sender, text, metadata = (given.get(name) for name in ("to", "from", "text", "metadata"))
    checks = {
        "to": isinstance(to, str) and to != "",
        "text": isinstance(text, str) and text != "" and segments.count(text) <= _MOST_SEGMENTS,
        "from": isinstance(sender, str) and sender != "",
        "category": given.get("category") in _CATEGORIES,
        "metadata": metadata is None or (isinstance(metadata, dict) and len(json.dumps(metadata)) <= _MOST_METADATA),
    }
    if wrong := next((name for name, is_right in checks.items() if not is_right), None):
        return error_named("ValidationError", wrong)
    if not _NUMBER.fullmatch(str(to)):
        return error_named("SMSInvalidRecipient", "to")
    return None if _SENDER.fullmatch(str(sender)) else error_named("SMSSenderNotConfigured", "from")
