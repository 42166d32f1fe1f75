"""The page for people: a few files, and the headers under which they may run nothing but themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sms_tracker.services.responses import ApiResponse, problem

INDEX = "index.html"
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "json": "application/json"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""No inline script or style, no other host, no frame, and no text that becomes HTML or code."""
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",  # kept by browsers and asked for again, so that a deployment is seen at once
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A reply whose body is text as it is, where a ``ApiResponse``'s is JSON."""

    status: int
    body: str
    decision: str
    headers: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    read_of: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Page:
    """Answers ``files``, by name, to browsers; ``known`` is what theirs sent as If-None-Match."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = {name: _document(name, content) for name, content in files.items()}

    def file(self, name: str, known: str = "") -> Document | ApiResponse:
        """200 with the file, 304 where the browser has the same, 404 for any other name."""
        file = self._files.get(name)
        if file is None:
            return no_such_file()
        if file.headers["etag"] in known:  # a quoted digest: found in a list and behind W/, too
            return Document(status=304, body="", decision="unchanged", headers=file.headers)
        return file


def no_such_file() -> ApiResponse:
    """404."""
    return problem("no-such-file", "The page has no such file. It begins at /.")


def _document(name: str, content: str) -> Document:
    kind = _TYPES[name.rpartition(".")[2]]
    tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    headers = {**_HEADERS, "content-type": f"{kind}; charset=utf-8", "etag": tag}
    return Document(status=200, body=content, decision="shown", headers=headers)
