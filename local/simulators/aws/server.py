"""AWS's ``SendTextMessage``: its JSON protocol, its validation, its exceptions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any
from uuid import uuid4

import botocore.session
from botocore.model import StructureShape
from botocore.validate import ParamValidator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulators.aws.report import Settings, charge, reply, report
from local.simulators.callback_sender import Outgoing
from local.simulators.ledger import Charge, Message
from local.simulators.scenario import Code, Script, Step
from local.simulators.send_endpoint import Backend, Refusal, Refused, find_refusal, take

TARGET = "PinpointSMSVoiceV2.SendTextMessage"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/[0-9]{8}/(?P<region>[a-z0-9-]+)/sms-voice/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=[0-9a-f]{64}"
)
_SIGNED = {"host", "x-amz-date", "x-amz-target"}
_THROTTLED = 429

_VALIDATION, _CONFLICT = "ValidationException", "ConflictException"
EXCEPTIONS = {
    "CANNOT_PARSE": _VALIDATION,
    "FIELD_VALIDATION_FAILED": _VALIDATION,
    "INVALID_PARAMETER": _VALIDATION,
    "DESTINATION_PHONE_NUMBER_OPTED_OUT": _CONFLICT,
    "DESTINATION_PHONE_NUMBER_NOT_VERIFIED": _CONFLICT,
    "NO_ORIGINATION_IDENTITIES_FOUND": _CONFLICT,
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT": "ServiceQuotaExceededException",
}
"""The exception that gives each reason; an error of any other code is an exception without a reason."""

ERRORS = (
    Refusal(status=500, code="InternalServerException", text="The request failed."),
    Refusal(status=503, code="ServiceUnavailableException", text="Service is unavailable."),
    Refusal(status=400, code="ThrottlingException", text="Rate exceeded"),
    Refusal(status=400, code="UnknownOperationException", text=""),
    Refusal(status=400, code="MissingAuthenticationTokenException", text="Missing Authentication Token"),
    Refusal(status=400, code="UnrecognizedClientException", text="The security token included is invalid."),
    Refusal(status=400, code="CANNOT_PARSE", text="The request body is not JSON"),
    Refusal(
        status=400, code="INVALID_PARAMETER", text="Invalid destination number", parameter="DestinationPhoneNumber"
    ),
    Refusal(status=400, code="DESTINATION_PHONE_NUMBER_OPTED_OUT", text="Destination phone number is opted out"),
    Refusal(status=400, code="DESTINATION_PHONE_NUMBER_NOT_VERIFIED", text="Destination phone number not verified"),
    Refusal(status=400, code="NO_ORIGINATION_IDENTITIES_FOUND", text="No origination entities available to send"),
    Refusal(status=400, code="MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", text="The monthly spend limit is reached"),
)

_SUCCEED = """+14254147755 +447860019066 +3197008100148 +33755512501 +32460213922 +43676800442031 +34683783440
+394390009172 +41798075872 +46790645100"""
_FAIL = """+14254147167 +447860019067 +3197008100150 +33755512502 +32460213923 +43676800442032 +34683783442
+394390009174 +41798075874 +46790645102"""
SIMULATOR_NUMBERS = {
    **dict.fromkeys(_SUCCEED.split(), Script(name="simulator-number", reports=(Step("DELIVERED.final"),))),
    **dict.fromkeys(
        _FAIL.split(),
        Script(name="simulator-number", reports=(Step.read("CARRIER_UNREACHABLE.final:CARRIER_UNREACHABLE"),)),
    ),
}
"""AWS's own destinations for tests; the word that a failing one ends with is our guess."""


@cache
def _input() -> StructureShape:
    model = botocore.session.get_session().get_service_model("pinpoint-sms-voice-v2")
    shape = model.operation_model("SendTextMessage").input_shape
    assert shape is not None  # noqa: S101 - for the type checker
    return shape


class Aws:
    """One account in one region."""

    name = "aws"
    success = 200

    def __init__(self, settings: Settings, backend: Backend) -> None:
        self.settings = settings
        self.backend = backend

    def routes(self) -> Sequence[Route]:
        return [Route("/", partial(take, self), methods=["POST"])]

    def read(self, request: Request, body: bytes) -> list[Message]:
        self._check_headers(request)
        given = self._checked(body)
        to = given["DestinationPhoneNumber"]
        return [
            Message(
                id=str(uuid4()),
                to=to,
                sender=given.get("OriginationIdentity", ""),
                body=given["MessageBody"],
                callback_url=None,
                reference=None,
                script=SIMULATOR_NUMBERS.get(to)
                or self.backend.scenarios.script(to, given.get("OriginationIdentity", "")),
                step=Step("QUEUED"),
                extra={
                    "context": given.get("Context", {}),
                    "configuration_set": given.get("ConfigurationSetName"),
                    "message_type": given.get("MessageType", "TRANSACTIONAL"),
                    "validity": given.get("TimeToLive"),
                },
            )
        ]

    def _check_headers(self, request: Request) -> None:
        """Check the signature's form and scope; the rest needs the secret key."""
        found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if found is None or "x-amz-date" not in request.headers:
            raise Refused(self.refusal(None, "MissingAuthenticationTokenException"))
        if found["region"] != self.settings.region or not set(found["headers"].split(";")) >= _SIGNED:
            raise Refused(self.refusal(None, "UnrecognizedClientException"))
        json_1_0 = request.headers.get("content-type") == "application/x-amz-json-1.0"
        if not json_1_0 or request.headers.get("x-amz-target") != TARGET:
            raise Refused(self.refusal(None, "UnknownOperationException"))

    def _checked(self, body: bytes) -> dict[str, Any]:
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            raise Refused(self.refusal(None, "CANNOT_PARSE"))
        if (fault := next(invalid_parameters(given), None)) is not None:
            text = f"Invalid {fault}"
            raise Refused(Refusal(status=400, code="FIELD_VALIDATION_FAILED", text=text, parameter=fault))
        return given

    def refusal(self, status: int | None, code: Code | None) -> Refusal:
        """AWS answers 400 where others answer 429."""
        if status == _THROTTLED:
            status, code = None, "ThrottlingException"
        return find_refusal(ERRORS, status, code)

    def refused(self, refusal: Refusal) -> Response:
        code = str(refusal.code)
        exception = EXCEPTIONS.get(code, code)
        error: dict[str, Any] = {"__type": exception, "Message": refusal.text}
        if code in EXCEPTIONS:
            error["Reason"] = code
        if refusal.parameter:
            error["Fields"] = [{"Name": refusal.parameter, "Message": refusal.text}]
        return JSONResponse(error, status_code=refusal.status, media_type="application/x-amz-json-1.0")

    def as_json(self, messages: Sequence[Message]) -> dict[str, Any]:
        return {"MessageId": messages[0].id}

    def charge(self, message: Message) -> Charge:
        return charge(message)

    def report(self, message: Message, step: Step, forged: bool) -> list[Outgoing]:  # noqa: FBT001 - as Network calls it
        return report(self.settings, message, step, forged=forged)

    def reply(self, message: Message, *, forged: bool) -> list[Outgoing]:
        return reply(self.settings, message, forged=forged)


def invalid_parameters(given: Mapping[str, Any]) -> Iterator[str]:
    """The parameters that the service model does not allow; botocore itself checks neither patterns nor enums."""
    shape = _input()
    yield from (name for name in shape.required_members if name not in given)
    for name, value in given.items():
        known = name in shape.members and not ParamValidator().validate({**_MINIMAL, name: value}, shape).has_errors()
        if not known or _is_invalid(name, value):
            yield name


_MINIMAL = {"DestinationPhoneNumber": "+12025550100", "MessageBody": "x"}
"""A valid request, to which each parameter is added alone."""


def _is_invalid(name: str, value: object) -> bool:
    shape = _input().members[name]
    if shape.type_name == "map":
        return isinstance(value, dict) and _is_invalid_map(value)
    limits = shape.metadata
    if shape.type_name == "integer":
        return isinstance(value, int) and value > limits["max"]
    text = str(value)
    pattern, words = limits.get("pattern", r"[\s\S]*"), limits.get("enum", [text])
    return len(text) > limits.get("max", len(text)) or not re.fullmatch(pattern, text) or text not in words


_MOST_PAIRS, _LONGEST_KEY, _LONGEST_VALUE = 5, 100, 800


def _is_invalid_map(pairs: Mapping[str, Any]) -> bool:
    return len(pairs) > _MOST_PAIRS or any(
        not re.fullmatch(r"\S+", key) or len(key) > _LONGEST_KEY or len(str(value)) > _LONGEST_VALUE
        for key, value in pairs.items()
    )
