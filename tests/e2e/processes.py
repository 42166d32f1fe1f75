"""A function in many processes at once."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

_PRELOADED = ["tests.e2e.concurrent_writers", "tests.e2e.limited_senders"]
"""Imported once, in the server from which the processes are forked."""


def counted(function: Callable[..., Counter[Any]], arguments: Sequence[tuple[Any, ...]]) -> Counter[Any]:
    """The sum of what the function counted, with one process for each tuple of arguments."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    with context.Pool(len(arguments)) as pool:
        return sum(pool.starmap(function, arguments, chunksize=1), Counter[Any]())
