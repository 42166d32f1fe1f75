"""One message's way through the functions, one invocation after the other, everything that they ask for counted."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from bench.answers import BASE_URL
from bench.code import Code
from bench.database import Charge, Database, database
from bench.deployment import Deployment, deployed
from bench.endpoint import Call
from bench.sandbox import Function, Sandbox
from tests.cloud import SECRETS, sample

WORDS = ("sending", "sent", "delivered")
"""What Twilio reports of a message that arrives, after it answered ``queued``."""


PATH = ("send", "webhook", "processor")
"""The functions that every message passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What one invocation asked for and wrote to its log."""

    function: str
    calls: tuple[Call, ...]
    charges: tuple[Charge, ...]
    logged: str
    answer: Any


@dataclass
class Service:
    """Warm sandboxes by the function's name, and every invocation so far."""

    deployment: Deployment
    tables: Database
    sandboxes: Mapping[str, Sandbox]
    invocations: list[Invocation] = field(default_factory=list)

    def invoke(self, function: str, event: Mapping[str, Any]) -> Invocation:
        """One invocation, counted."""
        sandbox = self.sandboxes[function]
        before = len(sandbox.logged)
        spent = sandbox.call(event)
        done = Invocation(
            function=function,
            calls=(*self.deployment.aws.take(), *self.deployment.provider.take()),
            charges=tuple(self.tables.take()),
            logged=sandbox.logged[before:],
            answer=spent.answer,
        )
        self.invocations.append(done)
        return done

    def send(self, reference: str | None = "order-424242") -> str:
        """POST /messages; returns the message's id."""
        body = {"to": "+31612345678", "body": "Your parcel is here", "provider": "twilio", "reference": reference}
        asked = {name: value for name, value in body.items() if value is not None}
        answer = self.invoke("send", {**sample("send"), "body": json.dumps(asked)}).answer
        return str(json.loads(answer["body"])["message_id"])

    def callback(self, message_id: str, word: str, **further: str) -> str:
        """A signed callback; returns what the webhook put into the queue."""
        done = self.invoke("webhook", callback_event(message_id, self.known(message_id), word, **further))
        (queued,) = (call.body["MessageBody"] for call in done.calls if call.operation == "SendMessage")
        return str(queued)

    def process(self, bodies: Sequence[str]) -> Invocation:
        """One batch of the queue."""
        return self.invoke("processor", queue_event(bodies))

    def known(self, message_id: str) -> str:
        """The provider's id of a message."""
        return str(self.tables.item(message_id)["provider_message_id"]["S"])


@contextmanager
def service(
    code: Code, names: Sequence[str] = PATH, *, baseline: bool = False, reconciler: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """The functions, or the baselines of the same names, with tables of their own.

    With ``reconciler`` there is one too, with these variables set otherwise.
    """
    with ExitStack() as stack:
        tables = stack.enter_context(database())
        deployment = stack.enter_context(deployed(code, tables.respond))
        functions: dict[str, Function] = {
            name: deployment.baseline(name, like=name) if baseline else deployment.ours(name) for name in names
        }
        if reconciler is not None:
            functions["reconciler"] = deployment.ours("reconciler", **reconciler)
        started = {name: stack.enter_context(Sandbox(each)) for name, each in functions.items()}
        yield Service(deployment, tables, started)


def callback_event(message_id: str, known: str, word: str, **further: str) -> dict[str, Any]:
    """What API Gateway hands over of a callback with every field that Twilio is known to send."""
    form = {
        "SmsSid": known,
        "MessageSid": known,
        "SmsStatus": word,
        "MessageStatus": word,
        "To": "+31612345678",
        "From": "+15551234567",
        "AccountSid": SECRETS["twilio"]["account_sid"],
        "ApiVersion": "2010-04-01",
        "RawDlrDoneDate": "2601311203",
        **further,
    }
    event = sample("webhook-twilio")
    query = {"message_id": message_id, "attempt": "1"}
    url = f"{event['rawPath']}?{urlencode(query)}"
    signature = RequestValidator(SECRETS["twilio"]["auth_token"]).compute_signature(f"{BASE_URL}{url}", form)
    headers = {**event["headers"], "x-twilio-signature": signature}
    body = base64.b64encode(urlencode(form).encode()).decode()
    named = {"rawQueryString": urlencode(query), "queryStringParameters": query, "headers": headers, "body": body}
    return {**event, **named}


def queue_event(bodies: Sequence[str]) -> dict[str, Any]:
    """A batch as Lambda hands it over."""
    (pattern, *_) = sample("processor")["Records"]
    return {"Records": [{**pattern, "messageId": f"{number:036d}", "body": body} for number, body in enumerate(bodies)]}
