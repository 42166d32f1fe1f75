"""Run the curl lines of the documentation and of `make run`, without curl."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from string import Template

import httpx

from local.process import ROOT


def run(line: str, variables: Mapping[str, str] | None = None) -> httpx.Response:
    """Send the request of one line with ``$NAME`` filled in; raises for an unknown option."""
    options = _parser().parse_args(shlex.split(Template(line).substitute(variables or {}))[1:])
    headers = dict(_header(line) for line in options.header)
    body = _body(options.data if options.data is not None else options.data_binary)
    if body is not None:  # curl's default
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
    method = options.request or ("GET" if body is None else "POST")
    return httpx.request(method, options.url, headers=headers, content=body, timeout=60, trust_env=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False, exit_on_error=False)
    parser.add_argument("url")
    parser.add_argument("-i", "--include", action="store_true")
    parser.add_argument("-s", "--silent", action="store_true")
    parser.add_argument("-I", "--head", action="store_const", dest="request", const="HEAD")
    parser.add_argument("-X", "--request")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-d", "--data")
    parser.add_argument("--data-binary")
    return parser


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _body(given: str | None) -> bytes | None:
    if given is not None and given.startswith("@"):
        return (ROOT / given[1:]).read_bytes()
    return None if given is None else given.encode()
