"""The page's HTML elements: text, code, tables, and a schema in a few words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape

from ops.openapi.operation import Json

_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)]+)\)")
_CODE = re.compile(r"`+([^`]+)`+")


def kind(schema: Json) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        shown = f'<a href="#schema-{referred(schema)}">{referred(schema)}</a>'
    elif "allOf" in schema:
        shown = kind(schema["allOf"][0])
    elif either := schema.get("anyOf") or schema.get("oneOf"):
        shown = " or ".join(map(kind, either))
    elif "enum" in schema:
        shown = ", ".join(map(code, schema["enum"]))
    elif "const" in schema:
        shown = code(schema["const"])
    elif schema.get("type") == "array":
        shown = f"array of {kind(schema['items'])}"
    else:
        shown = escape(schema.get("type", "any") + _limits(schema))
    return shown


def _limits(schema: Json) -> str:
    limits = [schema["format"]] if "format" in schema else []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        limits.append(f"{low} to {high}" if high is not None else f"at least {low}")
    if "maxLength" in schema:
        limits.append(f"{schema.get('minLength', 0)} to {schema['maxLength']} characters")
    if schema.get("default") not in (None, False):
        limits.append(f"default {schema['default']}")
    return f" ({', '.join(limits)})" if limits else ""


def referred(reference: Json) -> str:
    """The name at the end of a reference."""
    return str(reference["$ref"]).rsplit("/", 1)[1]


def code(text: object) -> str:
    return f"<code>{escape(str(text))}</code>"


def method(verb: str) -> str:
    """An HTTP method as a badge."""
    return f'<b class="method {verb.lower()}">{verb}</b>'


def status(number: str) -> str:
    """A status as a badge, coloured by its class."""
    return f'<code class="status s{number[0]}">{number}</code>'


def need(*, required: bool) -> str:
    return ' <span class="required">required</span>' if required else ""


def maybe(*, required: bool) -> str:
    return "" if required else ' <span class="key">not always there</span>'


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str = "") -> str:
    """A table with cells of HTML; it scrolls if it is too wide."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    inner = f"{title}<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody>"
    return f'<div class="scroll" tabindex="0"><table>{inner}</table></div>\n'


def shell(command: str) -> str:
    """A command, which one click selects."""
    return f'<pre class="shell" tabindex="0"><code>{escape(command)}</code></pre>\n'


def listing(value: object) -> str:
    return f'<pre tabindex="0">{code(json.dumps(value, indent=2, ensure_ascii=False))}</pre>\n'


def paragraphs(text: str) -> str:
    """The document's text; blank lines separate paragraphs."""
    return "".join(f"<p>{inline(part)}</p>\n" for part in text.split("\n\n") if part)


def inline(text: str) -> str:
    """The Markdown that the document uses: code, links, line breaks."""
    coded = _CODE.sub(r"<code>\1</code>", escape(text).replace("  \n", "<br>"))
    return _LINK.sub(r'<a href="\2" rel="noreferrer">\1</a>', coded)
