"""The document as one HTML page: nothing inline or from another host, readable without script and style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import NamedTuple

from ops.openapi.markup import (
    code,
    inline,
    kind,
    listing,
    maybe,
    method,
    need,
    paragraphs,
    referred,
    shell,
    status,
    table,
)
from ops.openapi.operation import Json

_PROBLEM = "application/problem+json"


class _Route(NamedTuple):
    verb: str
    path: str
    operation: Json

    @property
    def anchor(self) -> str:
        return str(self.operation["operationId"])


def page(document: Json) -> str:
    """A complete page; its style sheet and script are page/docs.css and page/docs.js."""
    routes = [
        _Route(verb.upper(), path, operation)
        for path, methods in document["paths"].items()
        for verb, operation in methods.items()
        if verb != "head"  # described in the introduction
    ]
    groups = {tag["name"]: [one for one in routes if tag["name"] in one.operation["tags"]] for tag in document["tags"]}
    parts = [_introduction(document["info"])]
    for tag in document["tags"]:
        parts += [f"<h2>{escape(tag['name'])}</h2>\n", paragraphs(tag["description"])]
        parts += [_route(document, one) for one in groups[tag["name"]]]
    parts += [_problems(document, routes), _schemas(document["components"]["schemas"])]
    return _frame(document["info"], _navigation(groups), "".join(parts))


def _frame(info: Json, navigation: str, main: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(info["title"])} {escape(info["version"])}: API reference</title>
<link rel="stylesheet" href="page/docs.css">
<script type="module" src="page/docs.js"></script>
<link rel="icon" href="data:,">
</head>
<body>
<header>
<p><b>{escape(info["title"])}</b> <span>{escape(info["version"])}</span></p>
<a href="openapi.json">openapi.json</a>
<a class="contents" href="#contents">Contents</a>
</header>
<div class="columns">
<main id="main">
{main}</main>
{navigation}
</div>
<p id="said" role="status"></p>
</body>
</html>
"""


def _navigation(groups: Mapping[str, Iterable[_Route]]) -> str:
    parts = []
    for name, routes in groups.items():
        links = (
            f'<li><a href="#{one.anchor}">{method(one.verb)} <span>{escape(one.path)}</span></a></li>\n'
            for one in routes
        )
        parts.append(f"<h2>{escape(name)}</h2>\n<ul>\n{''.join(links)}</ul>\n")
    more = '<ul>\n<li><a href="#problems">Problems</a></li>\n<li><a href="#schemas">Schemas</a></li>\n</ul>\n'
    return f'<nav id="contents" aria-label="Contents">\n{"".join(parts)}<h2>Shared</h2>\n{more}</nav>'


def _introduction(info: Json) -> str:
    hint = "<p>Set the address and a key, and the examples run in a shell:</p>\n"
    return f"<h1>API reference</h1>\n{paragraphs(info['description'])}{hint}{shell('export URL=https://… KEY=smst_…')}"


def _route(document: Json, route: _Route) -> str:
    operation = route.operation
    scope = next((word for scheme in operation["security"] for words in scheme.values() for word in words), None)
    key = f"Key with scope {code(scope)}" if scope else "No key"
    parts = [
        f'<section class="operation" id="{route.anchor}">\n',
        f'<h3><a href="#{route.anchor}">{escape(operation["summary"])}</a></h3>\n',
        f'<p class="route">{method(route.verb)} {code(route.path)} <span class="key">{key}</span></p>\n',
        paragraphs(operation["description"]),
        *(shell(sample["source"]) for sample in operation.get("x-codeSamples", [])),
        _parameters(operation.get("parameters", [])),
        _body(document, operation.get("requestBody")),
        "<h4>Answers</h4>\n",
        *(_response(document, number, one) for number, one in operation["responses"].items()),
        "</section>\n",
    ]
    return "".join(parts)


def _parameters(parameters: list[Json]) -> str:
    rows = [
        (code(one["name"]), one["in"] + need(required=one["required"]), kind(one["schema"]), inline(one["description"]))
        for one in parameters
    ]
    return table(("Name", "In", "Type", "Meaning"), rows, caption="Parameters") if rows else ""


def _body(document: Json, body: Json | None) -> str:
    """The body's media types, and the fields of its named schemas."""
    if body is None:
        return ""
    kinds = ", ".join(f"{code(media)}: {kind(one['schema'])}" for media, one in body["content"].items())
    named = [referred(one["schema"]) for one in body["content"].values() if "$ref" in one["schema"]]
    fields = "".join(part for name in named for part in _members(document["components"]["schemas"][name]))
    return f'<p class="body"><b>Body</b>{need(required=body["required"])} {kinds}</p>\n{fields}'


def _response(document: Json, number: str, given: Json) -> str:
    response = document["components"]["responses"][referred(given)] if "$ref" in given else given
    inner = "".join(_content(media, one) for media, one in response.get("content", {}).items())
    if "headers" in response:
        inner += f"<p>Headers: {', '.join(map(code, response['headers']))}</p>\n"
    summary = f"{status(number)} <span>{inline(response['description'])}</span>"
    if not inner:
        return f'<p class="bare">{summary}</p>\n'
    return f"<details>\n<summary>{summary}</summary>\n{inner}</details>\n"


def _content(media: str, one: Json) -> str:
    shown = [one["example"]] if "example" in one else [example["value"] for example in one.get("examples", {}).values()]
    return f"<p>{code(media)}: {kind(one['schema'])}</p>\n{''.join(map(listing, shown))}"


def _problems(document: Json, routes: Iterable[_Route]) -> str:
    """Every problem of the document: status, type, meaning, routes."""
    where: dict[tuple[str, str, str], list[str]] = {}
    for route in routes:
        for number, response in route.operation["responses"].items():
            for name, example in response.get("content", {}).get(_PROBLEM, {}).get("examples", {}).items():
                link = f'<a href="#{route.anchor}">{route.verb} {escape(route.path)}</a>'
                where.setdefault((number, name, example["value"]["title"]), []).append(link)
    rows = (
        (status(number), code(name), escape(title), "<br>".join(links))
        for (number, name, title), links in sorted(where.items())
    )
    heads = ("Status", "Type, after urn:sms-tracker:problem:", "Meaning", "Answered by")
    text = document["components"]["schemas"]["Problem"]["description"]
    return f'<h2 id="problems">Problems</h2>\n{paragraphs(text)}{table(heads, rows)}'


def _schemas(schemas: Json) -> str:
    return '<h2 id="schemas">Schemas</h2>\n' + "".join(_schema(name, schema) for name, schema in schemas.items())


def _schema(name: str, schema: Json) -> str:
    return (
        f'<section class="schema" id="schema-{name}">\n<h3><a href="#schema-{name}">{name}</a></h3>\n'
        f"{paragraphs(schema.get('description', ''))}{''.join(_members(schema))}</section>\n"
    )


def _members(schema: Json) -> Iterator[str]:
    if "enum" in schema:
        yield f'<ul class="words">{"".join(f"<li>{code(word)}</li>" for word in schema["enum"])}</ul>\n'
    else:
        mark = need if schema.get("additionalProperties") is False else maybe  # a request, or an answer
        rows = (
            (code(name), kind(one) + mark(required=name in schema["required"]), inline(one.get("description", "")))
            for name, one in schema["properties"].items()
        )
        yield table(("Field", "Type", "Meaning"), rows)
