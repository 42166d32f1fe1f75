"""The description of one route of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]

JSON, HTML, CSS, SCRIPT = "application/json", "text/html", "text/css", "text/javascript"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a request. ``place`` is ``path``, ``header`` or ``query``."""

    name: str
    place: str
    text: str
    schema: Json
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A further request: ``parameters`` are OpenAPI runtime expressions by name of ``operation``'s parameters."""

    operation: str
    parameters: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A success. ``shape`` is the model of its body; None for a body without a model."""

    status: int
    text: str
    shape: object = None
    media: tuple[str, ...] = (JSON,)
    headers: tuple[str, ...] = ()
    links: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A route. ``scope`` is the scope that its key needs, None without a key; ``query`` is the model of its query."""

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
    """Schema by media type."""
    curl: str | None = None
    """An example with the variables ``$URL`` and ``$KEY``."""

    @property
    def method(self) -> str:
        """The HTTP method in lower case."""
        return self.route.split()[0].lower()

    @property
    def head(self) -> bool:
        """Whether the route also answers HEAD: a GET without a key, except a webhook."""
        return self.method == "get" and self.scope is None and self.tag != "Webhooks"

    @property
    def path(self) -> str:
        return self.route.split()[1]


def query_parameter(name: str, schema: Json, *, required: bool = False) -> Parameter:
    """The query parameter of a model's field. A query has no null, and its parameters have no default or title."""
    text = str(schema["description"])
    return Parameter(name=name, place="query", text=text, schema=without_null(schema, "description"), required=required)


def without_null(schema: Json, *left_out: str) -> Json:
    """The schema of a present value, without the members ``left_out``."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "title", *left_out}}
    return {**(kinds[0] if kinds else {}), **{name: value for name, value in rest.items() if value is not None}}
