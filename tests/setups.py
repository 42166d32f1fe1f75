"""Use cases on fakes, the providers' answers, and genuinely signed webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from urllib.parse import parse_qs, urlencode, urlsplit

from sms_tracker.domain.http import Caller, HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.operator_rules import Destinations
from sms_tracker.domain.ports import Messages, Pace, SettingsSource
from sms_tracker.services.policy import Policy
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send import Rules, Sender
from sms_tracker.services.send_request import submit
from tests.factories import MESSAGE_ID
from tests.fakes import (
    BASE_URL,
    MESSAGEBIRD,
    SERVICE_KEY,
    START,
    TWILIO,
    Answer,
    FakeClock,
    FixedSettings,
    MemoryMessages,
    MemoryQueue,
    ScriptedHttp,
    ignore_failed_call,
    never_stopped,
)
from tests.limits import MemoryCounters, limiter
from tests.opt_outs import MemoryOptOuts, opt_out_check

SID = "SM" + "a" * 32
BIRD_ID = "e8077d803532c0b5937c639b60216938"
CLAIM = timedelta(seconds=33)
REQUEST = {"to": "+31612345678", "body": "Your parcel is here"}
POLICY = Policy(
    providers=("twilio", "messagebird"),
    default_provider="twilio",
    senders={"twilio": "+15551234567", "messagebird": "MyShop"},
    allowed=Destinations(None),
)
RULES = Rules(policy=POLICY, stack="sms-tracker", retention=timedelta(days=90), claim=CLAIM)


def answer(status: int, body: Mapping[str, object] | None = None, **headers: str) -> HttpResponse:
    """A provider's JSON answer; ``retry_after`` stands for Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, {"content-type": "application/json", **named}, json.dumps(body or {}).encode())


TAKEN = answer(201, {"sid": SID, "status": "queued"})
BIRD_TAKEN = answer(201, {"id": BIRD_ID, "recipients": {"items": [{"recipient": 31612345678, "status": "sent"}]}})
OPTED_OUT = answer(400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400})
WRONG_TOKEN = answer(401, {"code": 20003, "message": "Authenticate", "status": 401})
QUEUE_FULL = answer(400, {"code": 21611, "message": "Queue full", "status": 400})
UNREACHED = NoResponse(written=False, reason="ConnectError")
UNHEARD = NoResponse(written=True, reason="ReadTimeout")


@dataclass
class SendSetup:
    """``POST /messages`` with scripted provider answers and a fake clock."""

    answers: Sequence[Answer] = (TAKEN,)
    during: Callable[[HttpRequest], object] = lambda _: None
    rules: Rules = RULES
    messages: Messages = field(default_factory=MemoryMessages)
    settings: SettingsSource = field(default_factory=FixedSettings)
    clock: FakeClock = field(default_factory=FakeClock)
    fraction: float = 0.5
    slept: list[float] = field(default_factory=list)
    opt_outs: MemoryOptOuts | None = None
    """None switches opt-outs off."""
    replies: MemoryQueue = field(default_factory=MemoryQueue)
    counters: MemoryCounters = field(default_factory=MemoryCounters)
    """Used where the settings have limits."""

    def __post_init__(self) -> None:
        self.http = ScriptedHttp(self.answers, during=self.during)
        tokens, ids = count(1), count(1)
        self.sender = Sender(
            messages=self.messages,
            settings=self.settings,
            http=self.http,
            clock=self.clock,
            pace=Pace(monotonic=self.clock.monotonic, sleep=self._sleep, fraction=lambda: self.fraction),
            rules=self.rules,
            opt_out_check=opt_out_check(self.opt_outs, self.clock, replies=self.replies) if self.opt_outs else None,
            stop_of=never_stopped,
            limiter=limiter(self.counters, self.settings, self.clock),
            failed=ignore_failed_call,
            new_id=lambda: f"00000000-0000-4000-8000-{next(ids):012d}",
            new_token=lambda: f"token-{next(tokens)}",
        )

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.sleep(seconds)

    def post(self, key: str | None = None, *, client: str = "shop", **fields: object) -> ApiResponse:
        """One request; ``fields`` override REQUEST, with ``sender`` for ``from``."""
        if "sender" in fields:
            fields["from"] = fields.pop("sender")
        headers = {} if key is None else {"idempotency-key": key}
        body = json.dumps({**REQUEST, **fields}).encode()
        caller = Caller(client, frozenset({"send"}))
        return submit(self.sender.send, caller, HttpRequest("POST", "/messages", headers, body))


def callback_of(request: HttpRequest) -> str:
    """The callback URL in a send request to either provider, without Twilio's fragment."""
    if request.body.startswith(b"{"):
        return str(json.loads(request.body)["reportUrl"])
    return parse_qs(request.body.decode())["StatusCallback"][0].partition("#")[0]


def attempt_of(request: HttpRequest) -> int:
    """The attempt in a send request's callback URL."""
    return int(parse_qs(urlsplit(callback_of(request)).query)["attempt"][0])


def message_id_of(request: HttpRequest) -> str:
    """The message id in a send request's callback URL."""
    return parse_qs(urlsplit(callback_of(request)).query)["message_id"][0]


def ours(provider: str, message_id: str = MESSAGE_ID, attempt: int = 1) -> str:
    """The query of a callback URL that this stack gave to a provider."""
    return f"message_id={message_id}&attempt={attempt}&token={callback_token(provider, message_id, attempt)}"


def twilio_webhook(
    fields: Mapping[str, str] | None = None,
    *,
    query: str | None = None,
    path: str = "/webhooks/twilio",
    token: str = TWILIO["auth_token"],
    base: str = BASE_URL,
) -> HttpRequest:
    """A status callback as the function receives it: raw path and query, signed for ``base``."""
    sent = {"AccountSid": TWILIO["account_sid"], "MessageSid": SID, "MessageStatus": "delivered", **(fields or {})}
    query = ours("twilio") if query is None else query
    path = f"{path}?{query}" if query else path
    text = base + path + "".join(name + sent[name] for name in sorted(sent))
    signature = base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()
    headers = {
        "x-twilio-signature": signature,
        "content-type": "application/x-www-form-urlencoded",
        "host": "attacker.example.net",
    }
    return HttpRequest("POST", path, headers, urlencode(sent).encode())


def messagebird_webhook(
    fields: Mapping[str, str] | None = None,
    *,
    query: str | None = None,
    key: str = MESSAGEBIRD["signing_key"],
    base: str = BASE_URL,
) -> HttpRequest:
    """A status report as the function receives it: a GET, signed by a JWT over the public URL."""
    sent = {"id": BIRD_ID, "status": "delivered", "recipient": "31612345678", **(fields or {})}
    query = ours("messagebird") if query is None else query
    return messagebird_get(f"/webhooks/messagebird?{query}&{urlencode(sent)}", key=key, base=base)


def messagebird_get(path: str, *, key: str = MESSAGEBIRD["signing_key"], base: str = BASE_URL) -> HttpRequest:
    """Any GET of MessageBird's, signed like its reports."""
    now = int(START.timestamp())
    claims = {
        "iss": "MessageBird",
        "nbf": now - 1,
        "exp": now + 3600,
        "jti": "a",
        "url_hash": hashlib.sha256((base + path).encode()).hexdigest(),
    }
    signed = ".".join(_part(part) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = _base64url(hmac.digest(key.encode(), signed.encode(), hashlib.sha256))
    return HttpRequest("GET", path, {"messagebird-signature-jwt": f"{signed}.{signature}"})


def _part(value: Mapping[str, object]) -> str:
    return _base64url(json.dumps(value).encode())


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def callback_token(provider: str, message_id: str, attempt: int) -> str:
    """Our callback token as in the ADR on secrets, made without the service's code."""
    text = f"{provider}\x1f{message_id}\x1f{attempt}".encode()
    return _base64url(hmac.digest(SERVICE_KEY, text, hashlib.sha256))
