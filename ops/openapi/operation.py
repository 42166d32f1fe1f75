"""What there is to say about one route of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]

JSON, HTML, CSS, SCRIPT = "application/json", "text/html", "text/css", "text/javascript"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A path's or header's part of a request; those of a query come from a model."""

    name: str
    place: str
    text: str
    schema: Json
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What to ask next; each parameter of ``operation`` is taken from ``parameters``' runtime expression."""

    operation: str
    parameters: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that is no error. ``shape`` is the type of its body, None where that is no JSON of ours."""

    status: int
    text: str
    shape: object = None
    media: tuple[str, ...] = (JSON,)
    headers: tuple[str, ...] = ()
    links: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A route as API Gateway names it; ``scope`` is what its key must have, None where it needs no key."""

    route: str
    name: str
    tag: str
    summary: str
    text: str
    answers: tuple[Answer, ...]
    problems: tuple[str, ...] = ()
    scope: str | None = None
    parameters: tuple[Parameter, ...] = ()
    query: type[BaseModel] | None = None
    body: Mapping[str, Json] = field(default_factory=dict)
    """Schema by media type; one of SendRequest is referred to."""
    curl: str | None = None
    """What to try it with; ``$URL`` and ``$KEY`` are the reader's."""

    @property
    def method(self) -> str:
        """In lower case, as the document has it."""
        return self.route.split()[0].lower()

    @property
    def head(self) -> bool:
        """Whether HEAD answers as it does: a read that is open to all, and no provider's report."""
        return self.method == "get" and self.scope is None and self.tag != "Webhooks"

    @property
    def path(self) -> str:
        """With its parameters in braces."""
        return self.route.split()[1]
