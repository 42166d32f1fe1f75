"""What a request to send must be like; Bird refuses what it does not know."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from local.simulators import segments
from local.simulators.bird.errors import named
from local.simulators.send_endpoint import Refusal

CATEGORIES = ("transactional", "marketing", "authentication", "service")
PREVIEWS = frozenset({"validity_period", "scheduled_at", "media_urls", "campaign_id", "contact_id", "binary"})
"""Fields that are refused to a workspace outside their preview."""

_FIELDS = frozenset({"to", "from", "text", "category", "tags", "metadata", "options"})
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 _.-]{1,9}[A-Za-z0-9]")
_MOST_SEGMENTS, _MOST_METADATA = 12, 2048


def fault(given: Mapping[str, Any]) -> Refusal | None:
    """The first thing that is wrong with it."""
    for name in given:
        if name in PREVIEWS:
            return named("SMSUnsupportedFeature", name)
        if name not in _FIELDS:
            return named("ValidationError", name)
    to, sender, text, metadata = (given.get(name) for name in ("to", "from", "text", "metadata"))
    checks = {
        "to": isinstance(to, str) and to != "",
        "text": isinstance(text, str) and text != "" and segments.count(text) <= _MOST_SEGMENTS,
        "from": isinstance(sender, str) and sender != "",
        "category": given.get("category") in CATEGORIES,
        "metadata": metadata is None or (isinstance(metadata, dict) and len(json.dumps(metadata)) <= _MOST_METADATA),
    }
    if wrong := next((name for name, is_right in checks.items() if not is_right), None):
        return named("ValidationError", wrong)
    if not _NUMBER.fullmatch(str(to)):
        return named("SMSInvalidRecipient", "to")
    return None if _SENDER.fullmatch(str(sender)) else named("SMSSenderNotConfigured", "from")
