"""Serve the web page's files, with headers that allow only its own scripts and styles."""

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
"""No inline script or style, no other host, no frame, no conversion of text to HTML or code."""
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",  # browsers cache and revalidate, so a deployment takes effect at once
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A response with a plain text body; the body of an ``ApiResponse`` is JSON."""

    status: int
    body: str
    decision: str
    headers: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    read_of: Mapping[str, Sequence[str]] = field(default_factory=dict)


class WebFiles:
    """Serves ``files`` by name."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = {name: _document(name, content) for name, content in files.items()}

    def file(self, name: str, known: str = "") -> Document | ApiResponse:
        """200 with the file, 304 if ``known`` (If-None-Match) has its tag, 404 for an unknown name."""
        file = self._files.get(name)
        if file is None:
            return no_such_file()
        if file.headers["etag"] in known:  # a quoted digest, so a list of tags and the prefix W/ match too
            return Document(status=304, body="", decision="unchanged", headers=file.headers)
        return file


def no_such_file() -> ApiResponse:
    """404: there is no such file."""
    return problem("no-such-file", "There is no such file. The page is at /.")


def _document(name: str, content: str) -> Document:
    kind = _TYPES[name.rpartition(".")[2]]
    tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    headers = {**_HEADERS, "content-type": f"{kind}; charset=utf-8", "etag": tag}
    return Document(status=200, body=content, decision="shown", headers=headers)
