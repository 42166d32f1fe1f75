"""The API's responses about opt-outs as types; see :mod:`sms_tracker.read.schemas`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's own only from Python 3.12 on

from sms_tracker.domain.opt_out import Kind
from sms_tracker.read.schemas import Number, Time


class OptOut(TypedDict):
    """Whether a recipient is blocked. `cause`, `source`, `reason` and `at` are the block's, null without one."""

    to: Annotated[Number | None, Field(description="Recipient, as E.164; null once forgotten")]
    scope: Annotated[str, Field(description="`sender:{provider}:{sender}`, `client:{client}` or `all`")]
    blocked: bool
    cause: Annotated[Kind | None, Field(description="What blocks the recipient")]
    source: Annotated[str | None, Field(description="The provider or the client that stated it")]
    reason: str | None
    at: Time | None
    version: Annotated[int, Field(ge=0, description="Rises by one with each change; 0 where nothing is known")]
    changed_at: Time | None


class OptOutPage(TypedDict):
    """One page."""

    opt_outs: list[OptOut]
    cursor: Annotated[str | None, Field(description="For the next page; null at the end")]
