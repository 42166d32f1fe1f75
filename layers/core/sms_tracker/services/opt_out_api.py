"""GET, PUT and DELETE /opt-outs: list blocked recipients, add manual blocks and end them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from sms_tracker import providers
from sms_tracker.domain.errors import FieldError, InvalidMessage, SmsTrackerError
from sms_tracker.domain.http import ADMIN, READ, SEND, Caller
from sms_tracker.domain.opt_out import Kind, Recipient, Statement, StoredOptOut, is_scope_visible, opt_out_scope
from sms_tracker.domain.ports import Clock
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.services import responses
from sms_tracker.services.opt_outs import OptOutRegister
from sms_tracker.services.policy import sender_flaw
from sms_tracker.services.responses import ApiResponse, ok, problem
from sms_tracker.services.validation import (
    Json,
    decode_cursor,
    encode_cursor,
    invalid_message,
    json_body,
    known_provider,
    number_in_query,
)

_PAGE = 100
_REQUIRED = {ScopeMode.SENDER: ("provider", "from")}
_OPTIONAL = {ScopeMode.CLIENT: ("client",)}
"""The fields that state the scope of an opt-out, by ``OptOutScope``."""


def known_sender(given: str, provider: str) -> str:
    """A sender in a form that the provider takes; raises ``ValueError``. A number may lack its plus.

    An unescaped plus arrives as a space.
    """
    takes = providers.load(provider)
    spelled = next((each for each in (given, f"+{given.strip()}") if sender_flaw(each, takes) is None), None)
    if spelled is None:
        raise ValueError(sender_flaw(given, takes))
    return spelled


class OptOutRequest(BaseModel):
    """The fields of PUT, and the parameters of DELETE and of GET with ``to``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Annotated[
        str,
        AfterValidator(number_in_query),
        Field(description="Recipient, written as in `GET /messages`", examples=["+31612345678"]),
    ]
    provider: Annotated[
        Annotated[str, AfterValidator(known_provider), Field(json_schema_extra={"enum": [*providers.all_names()]})]
        | None,
        Field(description="With `OptOutScope=sender`: the sender's provider"),
    ] = None
    sender: Annotated[
        str | None,
        Field(
            alias="from",
            description="With `OptOutScope=sender`: the sender that may not write, as in `POST /messages`",
        ),
    ] = None
    client: Annotated[
        str | None, Field(description="With `OptOutScope=client`: the client; another than the key's needs `admin`")
    ] = None
    reason: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=256)] | None,
        Field(description="Recorded. An `admin` who gives one to DELETE ends every block, a person's own STOP too"),
    ] = None


def _cursor_position(given: str) -> str:
    try:
        position = decode_cursor(given)
    except ValueError:
        position = ""
    if not re.fullmatch(r"[0-9TZ:.-]{24}\|opt-out#[0-9a-f]{64}", position):
        raise ValueError("is not a cursor of this service")
    return position


class OptOutListQuery(BaseModel):
    """The parameters of GET without ``to``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cursor: Annotated[
        Annotated[str, AfterValidator(_cursor_position)] | None, Field(description="`cursor` of the previous page")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutApi:
    """Answers the routes. ``mode`` is ``OptOutScope``; ``countries`` (ISO 3166, None for all) may be sent to."""

    register: OptOutRegister
    clock: Clock
    mode: ScopeMode
    countries: frozenset[str] | None

    def read(self, caller: Caller, query: Mapping[str, str]) -> ApiResponse:
        """The opt-outs that the caller may see, the latest change first; with ``to`` only that recipient's."""
        if not caller.scopes & {READ, ADMIN}:
            return responses.scope_missing(READ)
        return self._answer(lambda: self._find(caller, query) if "to" in query else self._list(caller, query))

    def put(self, caller: Caller, body: bytes) -> ApiResponse:
        """Block a recipient until a DELETE. A START does not end this block."""
        if not caller.scopes & {SEND, ADMIN}:
            return responses.scope_missing(SEND)
        return self._answer(lambda: self._add(caller, json_body(body)))

    def delete(self, caller: Caller, query: Mapping[str, str]) -> ApiResponse:
        """End a manual block. An admin who gives a reason ends every block."""
        if not caller.scopes & {SEND, ADMIN}:
            return responses.scope_missing(SEND)
        return self._answer(lambda: self._remove(caller, query))

    def _answer(self, work: Callable[[], ApiResponse]) -> ApiResponse:
        if self.mode is ScopeMode.OFF:
            return opt_outs_off()
        try:
            return work()
        except InvalidMessage as error:
            return responses.invalid(error)
        except SmsTrackerError as error:
            return responses.records_unavailable(error)

    def _find(self, caller: Caller, query: Mapping[str, str]) -> ApiResponse:
        recipient, _ = self._recipient(query, caller, "parameter")
        if not is_scope_visible(recipient.scope, caller):
            return responses.scope_missing(ADMIN)
        shown = self._view(self.register.opt_outs.get(recipient), recipient)
        return ok({"opt_outs": [shown], "cursor": None}, "found")

    def _list(self, caller: Caller, query: Mapping[str, str]) -> ApiResponse:
        try:
            listing = OptOutListQuery.model_validate(query)
        except ValidationError as error:
            raise invalid_message(error, "parameter") from None
        page = self.register.opt_outs.listed(cursor=listing.cursor, limit=_PAGE)
        visible = (stored for stored in page.items if is_scope_visible(stored.recipient.scope, caller))
        shown = [self._view(stored, stored.recipient) for stored in visible]
        cursor = encode_cursor(page.next) if page.next else None
        return ok({"opt_outs": shown, "cursor": cursor}, "listed")

    def _add(self, caller: Caller, payload: Json) -> ApiResponse:
        recipient, reason = self._recipient(payload, caller, "field")
        return self._store(caller, recipient, Kind.ADDED, reason)

    def _remove(self, caller: Caller, query: Mapping[str, str]) -> ApiResponse:
        recipient, reason = self._recipient(query, caller, "parameter")
        kind = Kind.LIFTED if ADMIN in caller.scopes and reason else Kind.REMOVED
        answer = self._store(caller, recipient, kind, reason)
        return still_blocked(answer.body) if answer.body.get("blocked") else answer

    def _store(self, caller: Caller, recipient: Recipient, kind: Kind, reason: str) -> ApiResponse:
        if not is_scope_visible(recipient.scope, caller):
            return responses.scope_missing(ADMIN)
        statement = Statement(kind=kind, at=timestamp(self.clock()), source=caller.client, reason=reason)
        return ok(self._view(self.register.add(recipient, [statement]), recipient), str(kind))

    def _recipient(self, given: Mapping[str, object], caller: Caller, noun: str) -> tuple[Recipient, str]:
        """The recipient and the reason in a request; raises ``InvalidMessage``."""
        try:
            request = OptOutRequest.model_validate(given, context=self.countries)
        except ValidationError as error:
            raise invalid_message(error, noun) from None
        self._check(request)
        provider, sender = request.provider or "", request.sender or ""
        if self.mode is ScopeMode.SENDER:
            try:
                sender = known_sender(sender, provider)
            except ValueError as error:
                raise InvalidMessage([FieldError("from", str(error))]) from None
        name = opt_out_scope(self.mode, provider=provider, sender=sender, client=request.client or caller.client)
        return Recipient(scope=name, number=request.to), request.reason or ""

    def _check(self, request: OptOutRequest) -> None:
        """Raise ``InvalidMessage`` for fields that ``OptOutScope`` requires and for those that it ignores."""
        given = {"provider": request.provider, "from": request.sender, "client": request.client}
        required = _REQUIRED.get(self.mode, ())
        usable = (*required, *_OPTIONAL.get(self.mode, ()))
        missing = [name for name in required if not given[name]]
        ignored = [name for name, value in given.items() if value and name not in usable]
        if missing or ignored:
            raise InvalidMessage(
                [
                    *(FieldError(name, f"is required with OptOutScope={self.mode}") for name in missing),
                    *(FieldError(name, f"has no meaning with OptOutScope={self.mode}") for name in ignored),
                ]
            )

    def _view(self, stored: StoredOptOut, recipient: Recipient) -> Mapping[str, object]:
        """One opt-out. ``at``, ``source`` and ``reason`` are those of the statement that blocks."""
        block = stored.opt_out.blocked_by(self.clock())
        return {
            "to": recipient.number or None,
            "scope": recipient.scope,
            "blocked": block is not None,
            "cause": block and block.kind,
            "source": block and block.source,
            "reason": (block and block.reason) or None,
            "at": block and block.at,
            "version": stored.version,
            "changed_at": stored.changed_at or None,
        }


def opt_outs_off() -> ApiResponse:
    """404: ``OptOutScope`` is ``off``."""
    return problem("opt-outs-off", "This deployment keeps no opt-outs (OptOutScope=off).")


def still_blocked(view: Mapping[str, object]) -> ApiResponse:
    """409: another block remains after the manual one has ended."""
    detail = (
        "The manual block has ended, but the recipient opted out, or the provider refused the recipient. A START ends "
        "that, or an admin who gives a reason."
    )
    return problem("still-blocked", detail, members={"cause": view["cause"], "at": view["at"]})
