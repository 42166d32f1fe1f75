"""The simulators as the official SDKs see them, and their callbacks as the SDKs' validators judge them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import messagebird
import phonenumbers
import pytest
from messagebird.client import ErrorException
from messagebird.error import ValidationError
from messagebird.http_client import HttpClient
from messagebird.request_validator import RequestValidator as MessageBirdValidator
from messagebird.signed_request import SignedRequest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator as TwilioValidator
from twilio.request_validator import get_signature_algorithm
from twilio.rest import Client

import local.simulators as constants
from local.simulators.scenario import HANG, TABLE, Scenario

TO = "+31612345600"
FROM = constants.TWILIO_FROM


@dataclass(frozen=True)
class Received:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


@dataclass
class Receiver:
    """Keeps every request that reaches it, raw, and answers ``answers`` in turn, then 204."""

    url: str
    requests: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def take(self, request: Received) -> int:
        with self.lock:
            self.requests.append(request)
            return self.answers.pop(0) if self.answers else 204

    @property
    def words(self) -> list[str]:
        return [request.form.get("MessageStatus") or request.query["status"] for request in self.requests]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            url = f"http://{headers['host']}{self.path}"
            self.send_response(kept.take(Received(self.command, url, headers, body)))
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815 - the names http.server calls

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


@contextmanager
def process(*flags: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "local.simulators", "--die-with-stdin", *flags]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def ready(running: subprocess.Popen[str]) -> dict[str, Any]:
    assert running.stdout
    answer: dict[str, Any] = json.loads(running.stdout.readline())
    return answer


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, Any]]:
    with process("--pace", "0.001", "--retry-pause", "0.001") as running:
        yield ready(running)


@dataclass(frozen=True)
class Simulator:
    http: httpx.Client

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def idle(self, taken: int = 0) -> dict[str, Any]:
        answer = self.http.get("/_control/idle", params={"timeout": 20, "taken": taken})
        assert answer.status_code == 200, answer.text
        return self.truth()

    def truth(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get("/_truth").json()
        return answer

    def script(self, to: str, script: object) -> None:
        self.http.put("/_control/scenario", json={"to": to, "script": script}).raise_for_status()

    def settings(self, **changes: str) -> None:
        self.http.put("/_control/settings", json=changes).raise_for_status()


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30, trust_env=False, verify=False) as http:
        yield http


@pytest.fixture(scope="module")
def clients(urls: dict[str, Any]) -> Iterator[dict[str, httpx.Client]]:
    with client(urls["twilio"]) as twilio, client(urls["messagebird"]) as bird:
        yield {"twilio": twilio, "messagebird": bird}


def unspoilt(http: httpx.Client) -> Iterator[Simulator]:
    before = http.get("/_control/settings").json()
    yield Simulator(http)
    http.put("/_control/settings", json=before).raise_for_status()
    http.delete("/_control/scenario").raise_for_status()
    http.delete("/_truth").raise_for_status()


@pytest.fixture
def twilio(clients: dict[str, httpx.Client]) -> Iterator[Simulator]:
    yield from unspoilt(clients["twilio"])


@pytest.fixture
def bird(clients: dict[str, httpx.Client]) -> Iterator[Simulator]:
    yield from unspoilt(clients["messagebird"])


class Elsewhere(TwilioHttpClient):  # type: ignore[misc] # the SDK ships no types
    """The SDK's own HTTP client, sent to the simulator instead of api.twilio.com."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._url = url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._url), *args, **kwargs)


@contextmanager
def twilio_sdk(
    simulator: Simulator,
    user: str = constants.TWILIO_ACCOUNT_SID,
    password: str = constants.TWILIO_AUTH_TOKEN,
    timeout: float = 20,
) -> Iterator[Any]:
    client = Elsewhere(simulator.url, timeout)
    yield Client(user, password, constants.TWILIO_ACCOUNT_SID, http_client=client).messages
    client.session.close()


@pytest.fixture
def messages(twilio: Simulator) -> Iterator[Any]:
    with twilio_sdk(twilio) as sdk:
        yield sdk


@pytest.fixture
def bird_sdk(bird: Simulator) -> Any:
    return bird_client(bird, constants.MESSAGEBIRD_ACCESS_KEY)


def bird_client(bird: Simulator, key: str) -> Any:
    return messagebird.Client(key, http_client=HttpClient(bird.url, key, "test"))


def number(scenario: str) -> str:
    return "+316123456" + next(row.digits for row in TABLE if row.name == scenario)


def twilio_vouches(request: Received, key: str = constants.TWILIO_AUTH_TOKEN) -> bool:
    algorithm = get_signature_algorithm(request.headers.get("x-twilio-webhooks-signature-settings"))
    signature = request.headers["x-twilio-signature"]
    return bool(TwilioValidator(key).validate(request.url, request.form, signature, algorithm))


def bird_vouches(request: Received, key: str = constants.MESSAGEBIRD_SIGNING_KEY) -> bool:
    try:
        MessageBirdValidator(key).validate_signature(
            request.headers["messagebird-signature-jwt"], request.url, request.body
        )
    except ValidationError:
        return False
    return True


# Twilio


def test_the_twilio_sdk_sends_and_the_callbacks_bear_the_accounts_signature(
    twilio: Simulator, messages: Any, receiver: Receiver
) -> None:
    callback = f"{receiver.url}/webhooks/twilio?message_id=abc&attempt=1"

    sent = messages.create(to=TO, from_=FROM, body="Hallo", status_callback=f"{callback}#rc=5&rp=all")
    truth = twilio.idle()

    assert (sent.status, sent.num_segments, sent.error_code) == ("queued", "1", None)
    assert [request.url for request in receiver.requests] == [callback, callback]
    assert {(r.form["MessageSid"], r.form["To"], r.form["From"]) for r in receiver.requests} == {(sent.sid, TO, FROM)}
    assert sorted(receiver.words) == ["delivered", "sent"]
    assert all(twilio_vouches(request) for request in receiver.requests)
    assert messages(sent.sid).fetch().status == "delivered"
    assert truth["messages"][0]["truth"] == {"word": "delivered", "code": None}
    assert truth["messages"][0]["body_sha256"] == hashlib.sha256(b"Hallo").hexdigest()


def test_a_messaging_service_accepts_first_and_is_named_in_callbacks(
    twilio: Simulator, messages: Any, receiver: Receiver
) -> None:
    service = "MG" + "1" * 32

    sent = messages.create(to=TO, messaging_service_sid=service, body="Hallo", status_callback=receiver.url)
    twilio.idle()

    assert (sent.status, sent.from_, sent.num_segments) == ("accepted", None, "0")
    assert {request.form["MessagingServiceSid"] for request in receiver.requests} == {service}


def test_the_list_is_filtered_and_paged_as_the_sdk_reads_it(twilio: Simulator, messages: Any) -> None:
    sids = [messages.create(to=TO, from_=FROM, body=f"{n}").sid for n in range(5)]
    messages.create(to="+4915123456700", from_=FROM, body="another")
    twilio.idle()
    hour = timedelta(hours=1)
    now = datetime.now(UTC)

    assert [each.sid for each in messages.stream(to=TO, page_size=2)] == sids[::-1]
    assert len(messages.list(to=TO, date_sent_after=now - hour)) == 5
    assert messages.list(to=TO, date_sent_after=now + hour) == []
    assert messages.list(to=TO, date_sent_before=now - hour) == []
    assert len(messages.list(from_=FROM)) == 6


def test_an_api_key_is_as_good_as_the_token(twilio: Simulator) -> None:
    with twilio_sdk(twilio, constants.TWILIO_API_KEY_SID, constants.TWILIO_API_KEY_SECRET) as sdk:
        assert sdk.create(to=TO, from_=FROM, body="Hallo").sid.startswith("SM")


def test_a_wrong_token_is_refused_and_counted(twilio: Simulator) -> None:
    with twilio_sdk(twilio, password="wrong") as sdk, pytest.raises(TwilioRestException) as caught:
        sdk.create(to=TO, from_=FROM, body="Hallo")

    assert (caught.value.status, caught.value.code) == (401, 20003)
    assert [(post["answered"], post["error"]) for post in twilio.truth()["posts"]] == [(401, 20003)]
    assert twilio.truth()["messages"] == []


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"From": FROM, "Body": "x"}, 21604),
        ({"To": TO, "Body": "x"}, 21603),
        ({"To": TO, "From": FROM}, 21602),
        ({"To": "12", "From": FROM, "Body": "x"}, 21211),
        ({"To": TO, "From": "much too long a name", "Body": "x"}, 21212),
        ({"To": TO, "From": FROM, "Body": "x" * 1601}, 21617),
        ({"To": TO, "From": FROM, "Body": "x", "StatusCallback": "nowhere"}, 21609),
        ({"To": TO, "From": FROM, "Body": "x", "ValidityPeriod": "0"}, 20001),
        ({"To": TO, "From": "+15005550001", "Body": "x"}, 21212),
        ({"To": TO, "From": "+15005550007", "Body": "x"}, 21606),
        ({"To": TO, "From": "+15005550008", "Body": "x"}, 21611),
        ({"To": "+15005550001", "From": FROM, "Body": "x"}, 21211),
        ({"To": "+15005550002", "From": FROM, "Body": "x"}, 21612),
        ({"To": "+15005550003", "From": FROM, "Body": "x"}, 21408),
        ({"To": "+15005550004", "From": FROM, "Body": "x"}, 21610),
        ({"To": "+15005550009", "From": FROM, "Body": "x"}, 21614),
        ({"To": number("refused"), "From": FROM, "Body": "x"}, 21211),
        ({"To": number("opted-out"), "From": FROM, "Body": "x"}, 21610),
        ({"To": number("locked-out"), "From": FROM, "Body": "x"}, 20003),
    ],
)
def test_twilio_refuses_with_its_own_code(twilio: Simulator, form: dict[str, str], code: int) -> None:
    answer = post(twilio, form)

    assert answer.json()["code"] == code
    assert answer.json()["status"] == answer.status_code
    assert answer.json().keys() == {"code", "message", "more_info", "status"}
    assert twilio.truth()["counts"] == {"posts": 1, "taken": 0}


def post(twilio: Simulator, form: dict[str, str], **how: Any) -> httpx.Response:
    path = f"/2010-04-01/Accounts/{constants.TWILIO_ACCOUNT_SID}/Messages.json"
    auth = (constants.TWILIO_ACCOUNT_SID, constants.TWILIO_AUTH_TOKEN)
    return twilio.http.post(path, data=form, auth=auth, **how)


def test_test_numbers_never_call_back(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    messages.create(to=TO, from_="+15005550006", body="Hallo", status_callback=receiver.url)

    assert twilio.idle(taken=1)["messages"][0]["truth"]["word"] == "queued"
    assert receiver.requests == []


def test_a_rotated_token_signs_at_once_and_the_secondary_still_logs_in(
    twilio: Simulator, messages: Any, receiver: Receiver
) -> None:
    twilio.settings(auth_token="new", secondary_auth_token=constants.TWILIO_AUTH_TOKEN)

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=receiver.url)
    twilio.idle()

    assert [twilio_vouches(request, "new") for request in receiver.requests] == [True, True]
    assert [twilio_vouches(request) for request in receiver.requests] == [False, False]


def test_a_shared_key_signs_by_sha_256(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    twilio.settings(shared_key_id="sharedkey_1", shared_key_secret="shared")

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=receiver.url)
    twilio.idle()

    header = receiver.requests[0].headers["x-twilio-webhooks-signature-settings"]
    assert header == "key=sharedkey_1,algorithm=HMAC_SHA256"
    assert all(twilio_vouches(request, "shared") for request in receiver.requests)


def test_the_signed_url_is_sent_byte_for_byte(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    url = f"{receiver.url}/a[b]?x=[1]:,'%41&y=a+b%20c&z"

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=url)
    twilio.idle()

    assert [request.url for request in receiver.requests] == [url, url]


def test_names_under_localhost_reach_the_loopback(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    url = receiver.url.replace("127.0.0.1", "some-api.localhost") + "/x"

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=url)
    twilio.idle()

    assert [request.url for request in receiver.requests] == [url, url]


def test_a_5xx_loses_the_report_unless_the_url_asks_for_retries(
    twilio: Simulator, messages: Any, receiver: Receiver
) -> None:
    twilio.script(TO, {"reports": "delivered"})
    receiver.answers = [503, 503, 503, 429]

    messages.create(to=TO, from_=FROM, body="lost", status_callback=receiver.url)
    lost = twilio.idle()["messages"][0]["callbacks"][0]
    messages.create(to=TO, from_=FROM, body="kept", status_callback=f"{receiver.url}#rc=3&rp=all")
    kept = twilio.idle()["messages"][1]["callbacks"][0]

    assert [each["status"] for each in lost["attempts"]] == [503]
    assert [each["status"] for each in kept["attempts"]] == [503, 503, 429, 204]
    tokens = {request.headers["i-twilio-idempotency-token"] for request in receiver.requests[1:]}
    assert len(tokens) == 1
    assert tokens != {receiver.requests[0].headers["i-twilio-idempotency-token"]}


def test_only_a_failed_connection_is_retried_once_by_default(twilio: Simulator, messages: Any) -> None:
    twilio.script(TO, {"reports": "delivered"})

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback="http://127.0.0.1:1/")
    callback = twilio.idle()["messages"][0]["callbacks"][0]

    assert [each["status"] for each in callback["attempts"]] == [None, None]
    assert "ConnectError" in callback["error"]


# Scenarios


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("delivered", ["delivered", "sent"]),
        ("undelivered", ["sent", "undelivered"]),
        ("expired", ["sent", "undelivered"]),
        ("failed", ["failed"]),
        ("tangled", ["delivered", "delivered", "sent", "sent"]),
        ("silent", []),
        ("read", ["delivered", "read", "sent"]),
        ("new-word", ["delivered", "sent", "teleported"]),
        ("corrected", ["delivered", "sent", "undelivered"]),
        ("code-then-none", ["sent", "undelivered", "undelivered"]),
        ("shuffled", ["delivered", "queued", "sending", "sent"] * 3),
    ],
)
def test_a_scenario_makes_its_reports_and_no_other(
    twilio: Simulator, messages: Any, receiver: Receiver, scenario: str, words: list[str]
) -> None:
    messages.create(to=number(scenario), from_=FROM, body="Hallo", status_callback=receiver.url)
    message = twilio.idle(taken=1)["messages"][0]

    assert sorted(receiver.words) == sorted(words)
    assert all(twilio_vouches(request) for request in receiver.requests)
    assert message["record"]["word"] == message["truth"]["word"]
    assert message["scenario"] == scenario


def test_a_failure_carries_its_code(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    sent = messages.create(to=number("undelivered"), from_=FROM, body="Hallo", status_callback=receiver.url)
    truth = twilio.idle()["messages"][0]["truth"]

    codes = {request.form["MessageStatus"]: request.form.get("ErrorCode") for request in receiver.requests}
    assert codes == {"sent": None, "undelivered": "30003"}
    assert messages(sent.sid).fetch().error_code == 30003
    assert truth == {"word": "undelivered", "code": 30003}


def test_tangled_reports_come_last_one_first(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    messages.create(to=number("tangled"), from_=FROM, body="Hallo", status_callback=receiver.url)
    twilio.idle()

    assert receiver.words == ["delivered", "delivered", "sent", "sent"]
    assert receiver.requests[0] == receiver.requests[1]


def test_early_reports_precede_the_answer(messages: Any, receiver: Receiver) -> None:
    sent = messages.create(to=number("early"), from_=FROM, body="Hallo", status_callback=receiver.url)

    assert sorted(receiver.words) == ["delivered", "sent"]
    assert sent.status == "queued"


def test_a_taken_message_whose_answer_never_comes_is_reported_afterwards(twilio: Simulator, receiver: Receiver) -> None:
    form = {"To": number("timeout"), "From": FROM, "Body": "Hallo", "StatusCallback": receiver.url}

    with pytest.raises(httpx.ReadTimeout):
        post(twilio, form, timeout=0.2)
    truth = twilio.idle(taken=1)

    assert sorted(receiver.words) == ["delivered", "sent"]
    assert truth["posts"][0]["answered"] is None
    assert truth["counts"] == {"posts": 1, "taken": 1}


def test_a_hanging_request_that_was_not_taken_leaves_nothing(twilio: Simulator, receiver: Receiver) -> None:
    form = {"To": number("hang"), "From": FROM, "Body": "Hallo", "StatusCallback": receiver.url}

    with pytest.raises(httpx.ReadTimeout):
        post(twilio, form, timeout=0.2)

    assert twilio.idle()["counts"] == {"posts": 1, "taken": 0}
    assert receiver.requests == []


def test_a_throttled_request_is_taken_when_it_comes_again(twilio: Simulator) -> None:
    form = {"To": number("throttled-once"), "From": FROM, "Body": "Hallo"}

    answers = [post(twilio, form) for _ in range(2)]
    truth = twilio.idle()

    assert [answer.status_code for answer in answers] == [429, 201]
    assert answers[0].json()["code"] == 20429
    assert [entry["earlier"] for entry in truth["posts"]] == [0, 1]
    assert truth["messages"][0]["times_taken"] == 1
    assert truth["sent_twice"] == []


def test_a_broken_answer_hides_a_message_that_was_taken(twilio: Simulator, receiver: Receiver) -> None:
    form = {"To": number("broken-answer"), "From": FROM, "Body": "Hallo", "StatusCallback": receiver.url}

    assert post(twilio, form).status_code == 500
    assert twilio.idle(taken=1)["counts"] == {"posts": 1, "taken": 1}
    assert sorted(receiver.words) == ["delivered", "sent"]


def test_an_unavailable_provider_takes_nothing(twilio: Simulator) -> None:
    assert post(twilio, {"To": number("unavailable"), "From": FROM, "Body": "Hallo"}).status_code == 503
    assert twilio.idle()["counts"] == {"posts": 1, "taken": 0}


def test_a_forged_report_is_one_more_and_nobody_vouches_for_it(
    twilio: Simulator, messages: Any, receiver: Receiver
) -> None:
    messages.create(to=number("forged"), from_=FROM, body="Hallo", status_callback=receiver.url)
    message = twilio.idle()["messages"][0]

    vouched = {request.form["MessageStatus"]: twilio_vouches(request) for request in receiver.requests}
    assert vouched == {"delivered": False, "sent": True, "undelivered": True}
    assert [each["word"] for each in message["callbacks"] if each["forged"]] == ["delivered"]
    assert message["truth"]["word"] == "undelivered"


def test_what_is_sent_twice_is_told(twilio: Simulator) -> None:
    form = {"To": TO, "From": FROM, "Body": "Hallo"}

    sids = [post(twilio, form).json()["sid"] for _ in range(2)]
    truth = twilio.idle()

    assert truth["sent_twice"] == [sids]
    assert [message["times_taken"] for message in truth["messages"]] == [2, 2]


def test_a_script_can_be_set_for_one_number_or_for_all(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    twilio.script("*", "silent")
    twilio.script(TO, {"like": "undelivered", "copies": 3, "order": "reversed", "fields": {"Extra": "new"}})

    messages.create(to="+4915123456700", from_=FROM, body="Hallo", status_callback=receiver.url)
    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=receiver.url)
    twilio.idle()

    assert receiver.words == ["undelivered"] * 3 + ["sent"] * 3
    assert {request.form["Extra"] for request in receiver.requests} == {"new"}
    assert all(twilio_vouches(request) for request in receiver.requests)


@pytest.mark.parametrize(
    "script",
    ["no-such", 3, {"like": "no-such"}, {"unheard": 1}, {"copies": "2"}, {"order": "odd"}, {"reports": "sent:x"}],
)
def test_a_script_that_makes_no_sense_is_refused_with_its_reason(twilio: Simulator, script: object) -> None:
    answer = twilio.http.put("/_control/scenario", json={"to": "*", "script": script})

    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_every_scenario_has_numbers_that_are_possible() -> None:
    made = [f"{prefix}{row.digits}" for row in TABLE for prefix in ("+316123456", "+491512345678", "+155512345")]

    assert [each for each in made if not phonenumbers.is_possible_number(phonenumbers.parse(each))] == []


def test_waiting_ends_without_an_answer_while_a_callback_is_to_come_and_forgetting_ends_it(
    twilio: Simulator, messages: Any
) -> None:
    twilio.script(TO, {"delay": 1e6})
    messages.create(to=TO, from_=FROM, body="Hallo")

    waiting = twilio.http.get("/_control/idle?timeout=0.01")
    twilio.http.delete("/_truth")

    assert (waiting.status_code, waiting.json()["pending"]) == (503, 1)
    assert twilio.idle()["messages"] == []


def test_one_message_can_be_asked_for(twilio: Simulator, messages: Any) -> None:
    sid = messages.create(to=TO, from_=FROM, body="Hallo").sid

    assert twilio.http.get(f"/_truth/{sid}").json()["to"] == TO
    assert twilio.http.get("/_truth/SM0").status_code == 404
    assert twilio.http.get("/_health").json()["provider"] == "twilio"


# MessageBird


def test_the_messagebird_sdk_sends_and_the_reports_bear_a_valid_jwt(
    bird: Simulator, bird_sdk: Any, receiver: Receiver
) -> None:
    params = {"reference": "ref-1", "reportUrl": f"{receiver.url}/webhooks/messagebird?message_id=abc"}

    sent = bird_sdk.message_create("Simulator", TO, "Hallo", params)
    truth = bird.idle()

    assert sent.recipients["items"][0].recipient == int(TO)
    assert {request.method for request in receiver.requests} == {"GET"}
    assert sorted(receiver.words) == ["delivered", "sent"]
    assert all(bird_vouches(request) for request in receiver.requests)
    assert {r.query["message_id"] + r.query["reference"] + r.query["id"] for r in receiver.requests} == {
        f"abcref-1{sent.id}"
    }
    assert bird_sdk.message(sent.id).recipients["items"][0].status == "delivered"
    assert [each.id for each in bird_sdk.message_list().items] == [sent.id]
    assert truth["messages"][0]["truth"] == {"word": "delivered", "code": None}


def test_without_reference_or_report_url_no_report_is_made(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    bird_sdk.message_create("Simulator", TO, "Hallo", {"reportUrl": receiver.url})
    bird_sdk.message_create("Simulator", TO, "Hallo again", {"reference": "ref-1"})

    assert bird.idle(taken=2)["messages"][0]["record"]["word"] == "delivered"
    assert receiver.requests == []


def test_each_recipient_has_reports_of_its_own(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    to = [TO, number("undelivered")]
    sent = bird_sdk.message_create("Simulator", to, "Hallo", {"reference": "r", "reportUrl": receiver.url})
    bird.idle()

    finals = {
        r.query["recipient"]: r.query.get("statusErrorCode") for r in receiver.requests if r.query["status"] != "sent"
    }
    assert finals == {TO[1:]: None, number("undelivered")[1:]: "1"}
    assert bird.http.get(f"/_truth/{sent.id}", params={"to": to[1]}).json()["truth"]["word"] == "delivery_failed"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_posted_report_is_covered_by_its_payload_hash(
    bird: Simulator, bird_sdk: Any, receiver: Receiver, algorithm: str
) -> None:
    bird.settings(method="POST", algorithm=algorithm, signing_key="k" * 64)

    bird_sdk.message_create("Simulator", TO, "Hallo", {"reference": "r", "reportUrl": receiver.url})
    bird.idle()

    assert {json.loads(request.body)["status"] for request in receiver.requests} == {"sent", "delivered"}
    assert json.loads(receiver.requests[0].body)["price"] == {"amount": "0.07", "currency": "EUR"}
    assert all(bird_vouches(request, "k" * 64) for request in receiver.requests)


def test_the_legacy_signature_satisfies_the_sdk(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    bird.settings(signature="legacy")

    bird_sdk.message_create("Simulator", TO, "Hallo", {"reference": "a b", "reportUrl": f"{receiver.url}/?z=1&A=2"})
    bird.idle()

    assert len(receiver.requests) == 2
    for request in receiver.requests:
        query = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
        at, signature = request.headers["messagebird-request-timestamp"], request.headers["messagebird-signature"]
        with pytest.deprecated_call():
            assert SignedRequest(signature, at, "", query).verify(constants.MESSAGEBIRD_SIGNING_KEY)


def test_the_bird_signature_covers_the_full_url(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    bird.settings(signature="bird")

    bird_sdk.message_create("Simulator", TO, "Hallo", {"reference": "r", "reportUrl": receiver.url + "/x"})
    bird.idle()

    assert len(receiver.requests) == 2
    for request in receiver.requests:
        payload = f"{request.headers['messagebird-request-timestamp']}\n{request.url}\n".encode()
        digest = hmac.digest(
            constants.MESSAGEBIRD_SIGNING_KEY.encode(), payload + hashlib.sha256(b"").digest(), "sha256"
        )
        assert request.headers["messagebird-signature"] == base64.b64encode(digest).decode()


def test_a_refused_report_comes_again_until_it_is_taken(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    bird.script(TO, {"reports": "delivered"})
    receiver.answers = [503, 404]

    bird_sdk.message_create("Simulator", TO, "Hallo", {"reference": "r", "reportUrl": receiver.url})
    callback = bird.idle()["messages"][0]["callbacks"][0]

    assert [each["status"] for each in callback["attempts"]] == [503, 404, 204]
    assert callback["over"]


def test_a_forged_report_has_a_jwt_that_nobody_vouches_for(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    params = {"reference": "r", "reportUrl": receiver.url}
    bird_sdk.message_create("Simulator", number("forged"), "Hallo", params)
    bird.idle()

    vouched = {request.query["status"]: bird_vouches(request) for request in receiver.requests}
    assert vouched == {"delivered": False, "sent": True, "delivery_failed": True}


@pytest.mark.parametrize(
    ("key", "to", "body", "code"),
    [
        ("wrong", TO, "Hallo", 2),
        (constants.MESSAGEBIRD_ACCESS_KEY, TO, "", 9),
        (constants.MESSAGEBIRD_ACCESS_KEY, "12", "Hallo", 10),
        (constants.MESSAGEBIRD_ACCESS_KEY, number("refused"), "Hallo", 10),
        (constants.MESSAGEBIRD_ACCESS_KEY, number("locked-out"), "Hallo", 2),
    ],
)
def test_messagebird_refuses_with_its_own_code(bird: Simulator, key: str, to: str, body: str, code: int) -> None:
    with pytest.raises(ErrorException) as caught:
        bird_client(bird, key).message_create("Simulator", to, body)

    assert [error.code for error in caught.value.errors] == [code]
    assert bird.truth()["counts"] == {"posts": 1, "taken": 0}


def test_an_unknown_message_is_not_found(bird_sdk: Any) -> None:
    with pytest.raises(ErrorException) as caught:
        bird_sdk.message("0" * 32)

    assert [error.code for error in caught.value.errors] == [20]


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row.name not in {"slow", "timeout", "hang"}], ids=lambda r: r.name
)
def test_every_scenario_ends_with_its_truth_on_record(bird: Simulator, receiver: Receiver, row: Any) -> None:
    to = "+316123456" + row.digits
    given = {
        "originator": "Simulator",
        "recipients": [to],
        "body": "Hallo",
        "reference": "r",
        "reportUrl": receiver.url,
    }
    auth = {"authorization": f"AccessKey {constants.MESSAGEBIRD_ACCESS_KEY}"}

    answer = bird.http.post("/messages", json=given, headers=auth)
    truth = bird.idle()

    assert truth["posts"][0]["answered"] == answer.status_code
    assert len(truth["messages"]) == row.scripts["messagebird"].goes_out
    assert all(message["record"]["word"] == message["truth"]["word"] for message in truth["messages"])
    assert all(callback["over"] for message in truth["messages"] for callback in message["callbacks"])


# The process


def test_it_ends_when_its_parents_pipe_closes() -> None:
    with process() as running:
        ready(running)
        assert running.stdin
        running.stdin.close()

        assert running.wait(timeout=10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_even_while_a_request_hangs(number: signal.Signals) -> None:
    with process("--pace", "1000") as running:
        url = ready(running)["twilio"]
        with client(url) as http:
            post(Simulator(http), {"To": TO, "From": FROM, "Body": "pending"})
            with pytest.raises(httpx.ReadTimeout):
                post(Simulator(http), {"To": "+31612345607", "From": FROM, "Body": "hangs"}, timeout=0.1)
            running.send_signal(number)

            assert running.wait(timeout=5) == 0
            assert running.stderr
            assert running.stderr.read() == ""


def test_a_taken_port_is_one_clear_line() -> None:
    with process() as first:
        port = ready(first)["ports"]["twilio"]
        with process("--twilio-port", str(port)) as second:
            _, errors = second.communicate(timeout=10)

    assert second.returncode == 1
    assert errors == f"simulators: port {port} on 127.0.0.1 cannot be used: Address already in use\n"


def test_they_share_no_code_with_the_service() -> None:
    check = "import sys, local.simulators.__main__; print([name for name in sys.modules if 'sms_tracker' in name])"

    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "[]\n"
