"""The check after a deployment: all is well with a service that behaves, and each misbehaviour is named alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from local.process import free_port
from ops.accounts import ENTRIES
from ops.smoke.__main__ import main
from ops.smoke.target import TEMPLATE, Accounts, Outcome, Result, Route, Target, routes
from ops.smoke.webhooks import NO_MESSAGE, webhooks
from ops.stack import Stack
from sms_tracker import providers
from sms_tracker.domain.http import HttpRequest
from sms_tracker.services.receive import Receiver
from tests.fakes import BASE_URL, SERVICE_KEY, TWILIO, FixedSettings, MemoryQueue
from tests.unit.template_stack import stack

pytestmark = pytest.mark.no_cover  # other tests cover what it uses

KEYS = {"smst_all": {"send", "read"}, "smst_read": {"read"}, "smst_send": {"send"}}
MESSAGEBIRD = {"signing_key": "example-signing-key-one-" * 2, "next_signing_key": "example-signing-key-two-" * 2}
BIRD = {"webhook_secret": "whsec_ZXhhbXBsZSBvZiBhIHNlY3JldA=="}
SETTINGS = FixedSettings(credentials={"twilio": TWILIO, "messagebird": MESSAGEBIRD, "bird": BIRD})
ROUTES = routes(TEMPLATE.read_text())
GUARDED = [route for route in ROUTES if route.guarded]
ENVIRONMENT = {
    "URL": BASE_URL,
    "KEY": "smst_all",
    "READ_KEY": "smst_read",
    "SEND_KEY": "smst_send",
    "TWILIO_ACCOUNT_SID": TWILIO["account_sid"],
    "TWILIO_AUTH_TOKEN": TWILIO["auth_token"],
    "TWILIO_NEXT_AUTH_TOKEN": TWILIO["next_auth_token"],
    "MESSAGEBIRD_SIGNING_KEY": MESSAGEBIRD["signing_key"],
    "MESSAGEBIRD_NEXT_SIGNING_KEY": MESSAGEBIRD["next_signing_key"],
    "BIRD_WEBHOOK_SECRET": BIRD["webhook_secret"],
}
PROBLEM = {"content-type": "application/problem+json"}
_SECRET_HEADERS = ("x-twilio-signature", "messagebird-signature-jwt", "webhook-signature")
Answer = Callable[[httpx.Request], httpx.Response | None]


def _nothing(_: httpx.Request) -> httpx.Response | None:
    return None


@dataclass
class Service:
    """API Gateway and the functions behind it, as they should be; ``instead`` answers first where it wants to."""

    instead: Answer = _nothing
    rewrite: Callable[[str], str] = str
    secrets: FixedSettings = field(default_factory=lambda: SETTINGS)
    enabled: tuple[str, ...] = ("twilio", "messagebird", "bird")
    tokens: frozenset[str] = frozenset()
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    seen: set[str] = field(default_factory=set)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        return self.instead(request) or self.behave(request)

    def behave(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "http":
            raise httpx.ConnectError("nobody listens")
        route = next((each for each in ROUTES if _matches(each, request)), None)
        if route is None:
            return httpx.Response(404, json={"message": "Not Found"})
        self.seen.add(str(route))
        if not route.guarded:
            return self._open(route, request)
        if "authorization" not in request.headers:
            return httpx.Response(401, json={"message": "Unauthorized"})
        scopes = KEYS.get(request.headers["authorization"].removeprefix("Bearer "))
        if scopes is None:
            return httpx.Response(403, json={"message": "Forbidden"})
        if route.scope not in scopes:
            return httpx.Response(403, headers=PROBLEM)
        return httpx.Response(400 if route.method == "POST" else 404 if "{" in route.path else 200, headers=PROBLEM)

    def _open(self, route: Route, request: httpx.Request) -> httpx.Response:
        if "{provider}" in route.path:
            return self._webhook(request)
        named = "{" in route.path  # by a name that nothing has
        return httpx.Response(404, headers=PROBLEM) if named else httpx.Response(200, json={"status": "ok"})

    def _webhook(self, request: httpx.Request) -> httpx.Response:
        receiver = Receiver(
            queue=self.queue,
            replies=self.queue,
            settings=self.secrets,
            clock=lambda: datetime.now(UTC),
            enabled=self.enabled,
            tokens=self.tokens,
            queue_sending=True,
        )
        url = self.rewrite(request.url.raw_path.decode())
        headers = {name.lower(): value for name, value in request.headers.items()}
        got = HttpRequest(request.method, url, headers, request.read())
        received = receiver.receive(request.url.path.split("/")[2], got)
        return httpx.Response(received.status, headers={} if received.acknowledged else PROBLEM)


def _matches(route: Route, request: httpx.Request) -> bool:
    pattern = re.sub(r"\{[^}]+\}", "[^/]+", route.path)
    return route.method == request.method and re.fullmatch(pattern, request.url.path) is not None


class Elsewhere(Stack):
    """A stack that nobody here has credentials for."""

    def variables(self, function: str) -> dict[str, str]:
        raise ValueError(f"no credentials to read {function}'s settings")


Run = Callable[..., tuple[int, set[str], str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Check ``service``; returns the exit code, the names of what is broken, and all that was printed."""

    def check(service: Service, *arguments: str, **environment: str) -> tuple[int, set[str], str]:
        transport = httpx.MockTransport(service)
        code = main(arguments, {**ENVIRONMENT, **environment}, transport=transport, stack=Elsewhere)
        told = capsys.readouterr()
        broken = {line.removeprefix("broken: ") for line in told.err.splitlines()}
        return code, broken, told.out

    return check


def test_a_service_that_behaves_has_nothing_broken_and_its_webhooks_are_about_nobody(run: Run) -> None:
    service = Service()

    code, broken, told = run(service)

    assert (code, broken) == (0, set())
    assert all(outcome in told for outcome in ("ok ", "skipped "))
    assert service.seen == {str(route) for route in ROUTES}
    assert len(service.queue.bodies) == (2 + 2 + 1) * 3  # accepted secrets of three providers, queries
    assert all(NO_MESSAGE in body for body in service.queue.bodies)


def test_what_is_pasted_with_the_address_and_the_key_is_left_out(run: Run) -> None:
    # Found in supabase/auth#1554
    pasted = {name: f" {ENVIRONMENT[name]}{end}" for name, end in (("URL", "/ "), ("KEY", "\n"))}

    assert run(Service(), **pasted)[:2] == (0, set())


def test_the_routes_are_those_that_are_deployed() -> None:
    paths = stack().only("AWS::ApiGatewayV2::Api").properties["Body"]["paths"]
    deployed = {
        (method.upper(), path, how["security"] == [{"ApiKey": []}])
        for path, methods in paths.items()
        for method, how in methods.items()
    }

    assert {(route.method, route.path, route.guarded) for route in ROUTES} == deployed


def test_a_route_that_is_added_is_checked() -> None:
    event = (
        "\n        Added:\n          Type: HttpApi\n          Properties: {ApiId: !Ref Api, Method: PUT, Path: /new}"
    )

    added = routes(TEMPLATE.read_text().replace("\n        Find:\n", f"{event}\n        Find:\n"))

    assert set(added) - set(ROUTES) == {Route(method="PUT", path="/new", guarded=True)}


def to(routes: Iterable[Route], answer: httpx.Response, *, key: str | None = None) -> Answer:
    """Whatever comes to ``routes`` (with ``key``, "" for none) gets ``answer``."""

    def instead(request: httpx.Request) -> httpx.Response | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        meant = any(_matches(route, request) for route in routes) and request.url.scheme == "https"
        return answer if meant and key in (None, given) else None

    return instead


HEALTH = Route(method="GET", path="/health", guarded=False)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (httpx.Response(503, json={"status": 503}), {"health", "GET /health is open"}),
        (httpx.Response(200, text="a web page"), {"health"}),
        (httpx.Response(401, json={}), {"health", "GET /health is open"}),
        (httpx.Response(404, json={}), {"health", "GET /health is open"}),
        (httpx.Response(500, headers=PROBLEM), {"health", "GET /health is open"}),
    ],
)
def test_a_service_that_is_not_well_or_not_open_is_named(run: Run, answer: httpx.Response, named: set[str]) -> None:
    code, broken, _ = run(Service(instead=to([HEALTH], answer)))
    assert (code, broken) == (1, named)


@pytest.mark.parametrize("some", [GUARDED[::2], GUARDED[1::2]], ids=["every other route", "the others"])
@pytest.mark.parametrize(
    ("key", "answer", "named"),
    [
        ("", 200, "without a key is refused"),
        ("", 404, "without a key is refused"),
        ("smst_a-key-that-nobody-was-given", 200, "with a wrong key is refused"),
        ("smst_all", 403, "with the key is answered"),
        ("smst_all", 404, "with the key is answered"),  # API Gateway's own: there is no such route
        ("smst_all", 500, "with the key is answered"),
    ],
)
def test_routes_with_the_wrong_answer_are_named(run: Run, some: list[Route], key: str, answer: int, named: str) -> None:
    code, broken, _ = run(Service(instead=to(some, httpx.Response(answer, json={}), key=key)))
    assert (code, broken) == (1, {f"{route} {named}" for route in some})


@pytest.mark.parametrize("scope", ["send", "read"])
def test_routes_that_ask_for_no_scope_are_named(run: Run, scope: str) -> None:
    some = [route for route in GUARDED if route.scope == scope]
    other = "smst_send" if scope == "read" else "smst_read"
    code, broken, _ = run(Service(instead=to(some, httpx.Response(200), key=other)))
    assert (code, broken) == (1, {f"{route} with a key lacking {scope} is refused" for route in some})


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (httpx.Response(200), {"plain http is not served"}),
        (httpx.Response(500), {"plain http is not served"}),
        (httpx.Response(301, headers={"location": "http://sms.example.com"}), {"plain http is not served"}),
        (httpx.Response(301, headers={"location": "https://sms.example.com/health"}), set()),
    ],
)
def test_an_address_that_serves_without_tls_is_named(run: Run, answer: httpx.Response, named: set[str]) -> None:
    code, broken, _ = run(Service(instead=lambda request: answer if request.url.scheme == "http" else None))
    assert (code, broken) == (1 if named else 0, named)


def believing(where: Callable[[httpx.Request], bool]) -> Answer:
    """Webhooks of that kind are taken, whoever signed them."""
    return lambda request: httpx.Response(204) if "/webhooks/" in request.url.path and where(request) else None


def is_signed(request: httpx.Request) -> bool:
    return any(name in request.headers for name in _SECRET_HEADERS)


def test_a_webhook_that_believes_what_nobody_signed_is_named(run: Run) -> None:
    _, broken, _ = run(Service(instead=believing(lambda request: not is_signed(request))))
    assert broken == {
        f"{name} {method} unsigned is refused" for name in providers.names() for method in ("GET", "POST")
    }


def test_a_webhook_that_believes_any_signature_is_named(run: Run) -> None:
    _, broken, _ = run(Service(instead=believing(is_signed)))

    signers = ("twilio", "auth_token"), ("messagebird", "signing_key")
    altered = {
        f"{name} signed by {more}{key} and altered is refused" for name, key in signers for more in ("", "next_")
    }
    altered |= {"bird signed by webhook_secret and altered is refused"}
    assert broken == altered | {f"{name} signed by another is refused" for name in ALL}


def test_a_gateway_that_breaks_a_query_is_named_and_nothing_else_is(run: Run) -> None:
    _, broken, told = run(Service(rewrite=lambda url: url.replace("[", "(").replace("%5B", "(")))
    assert len(broken) == 8
    assert all(name.endswith((" with brackets and colons is taken", " with them escaped is taken")) for name in broken)
    assert told.count("the gateway rewrites such a query") == 8


@pytest.mark.parametrize("rewrite", [lambda url: url.replace("%5B", "["), lambda url: url.replace(":", "%3A")])
def test_a_gateway_that_changes_an_encoding_as_is_known_breaks_nothing(run: Run, rewrite: Callable[[str], str]) -> None:
    assert run(Service(rewrite=rewrite))[0] == 0


def test_a_next_secret_that_is_not_accepted_yet_is_named(run: Run) -> None:
    before = {"twilio": {**TWILIO, "next_auth_token": ""}, "messagebird": MESSAGEBIRD, "bird": BIRD}

    _, broken, told = run(Service(secrets=FixedSettings(credentials=before)))

    assert len(broken) == 3
    assert all(name.startswith("twilio signed by next_auth_token") for name in broken)
    assert "was the secret deployed" in told


def test_a_provider_that_was_left_out_of_the_deployment_is_named(run: Run) -> None:
    _, broken, _ = run(Service(enabled=("twilio",)))

    assert broken
    assert all(re.fullmatch("(messagebird|bird) signed by .* taken", name) for name in broken)


def test_an_address_that_does_not_answer_is_named_for_every_check(run: Run) -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("nobody there", request=request)

    code, broken, told = run(Service(instead=dead))

    assert code == 1
    assert "health" in broken
    assert "0 ok" not in told  # a closed port is what plain http should be
    assert "no answer: ConnectTimeout" in told


def test_without_secrets_and_scoped_keys_the_rest_is_checked_and_says_what_it_lacks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bare = {"URL": f"{BASE_URL}/", "KEY": "smst_all"}

    assert main([], bare, transport=httpx.MockTransport(Service()), stack=Elsewhere) == 0

    told = capsys.readouterr().out
    assert "secrets: of .env and the environment" in told
    for missing in ("READ_KEY", "SEND_KEY", "auth_token", "signing_key", "TWILIO_TEST_AUTH_TOKEN"):
        assert re.search(rf"^skipped .*needs .*{missing}", told, re.MULTILINE), missing


@pytest.mark.parametrize("environment", [{}, {"URL": BASE_URL}, {"URL": "sms.example.com", "KEY": "smst_all"}])
def test_without_an_address_or_a_key_it_says_how_it_is_used(environment: dict[str, str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([], environment, stack=Elsewhere)


def checked(service: Service, *enabled: str, **accounts: Any) -> list[Result]:
    """What the check of webhooks alone finds."""
    with httpx.Client(transport=httpx.MockTransport(service)) as client:
        target = Target(http=client, url=BASE_URL, key="smst_all")
        return [*webhooks(target, Accounts(**{"documents": {}, "enabled": enabled, **accounts}), ROUTES)]


ALL = frozenset(name for name in providers.names() if ENTRIES[name])
"""Those whose accounts .env can hold."""
BY_TOKEN = {"tokens": ALL, "service_key": SERVICE_KEY}


def test_our_own_token_vouches_where_an_account_cannot_sign() -> None:
    found = checked(Service(tokens=ALL), "twilio", "messagebird", **BY_TOKEN)
    assert {result.outcome for result in found} == {Outcome.OK}
    assert [result.name for result in found if "with our token and altered" in result.name]


def test_a_token_that_is_not_checked_is_named() -> None:
    service = Service(tokens=ALL, instead=believing(lambda request: "token=" in str(request.url)))
    broken = [each.name for each in checked(service, "twilio", **BY_TOKEN) if each.outcome is Outcome.BROKEN]
    assert broken == ["twilio signed by another is refused", "twilio with our token and altered is refused"]


def test_only_enabled_providers_are_checked_where_they_are_known() -> None:
    found = checked(Service(), "twilio", documents={"twilio": TWILIO})
    assert {result.name.split()[0] for result in found} == {"twilio"}


"""Those whose accounts .env can hold."""


def sends(answer: httpx.Response) -> Answer:
    """Every message gets ``answer``."""

    def instead(request: httpx.Request) -> httpx.Response | None:
        meant = request.method == "POST" and request.url.path == "/messages" and request.read() not in (b"{}", b"")
        return answer if meant else None

    return instead


def sent(status: str, *, final: bool = True) -> Answer:
    """Every message is taken and ends so."""
    outcome = {"delivered": "success", "undelivered": "failure"}.get(status, "open")
    taken = sends(httpx.Response(202, json={"message_id": "9b2f"}))

    def instead(request: httpx.Request) -> httpx.Response | None:
        if request.url.path == "/messages/9b2f":
            return httpx.Response(200, json={"status": status, "final": final, "outcome": outcome})
        return taken(request)

    return instead


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (sent("delivered"), set()),
        (sent("undelivered"), {f"{name} send is delivered" for name in SETTINGS.credentials}),
        (sent("sent", final=False), {f"{name} send is delivered" for name in SETTINGS.credentials}),
    ],
)
def test_a_real_message_is_followed_to_its_end(run: Run, answer: Answer, named: set[str]) -> None:
    code, broken, told = run(Service(instead=answer), "--to", "+31612345678", "--seconds", "0")
    assert (code, broken) == (1 if named else 0, named)
    assert "9b2f" in told


WRONG = {"detail": "Correct the fields.", "errors": [{"field": "to", "message": 'holds "O"'}]}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(httpx.Response(400, headers=PROBLEM), "not accepted"), (httpx.Response(400, json=WRONG), 'to holds "O"')],
)
def test_a_send_that_is_refused_is_named_with_the_reason(run: Run, answer: httpx.Response, reason: str) -> None:
    _, broken, told = run(Service(instead=sends(answer)), "--to", "+49 151 2345678O", "--seconds", "0")
    assert broken == {f"{name} send is accepted" for name in SETTINGS.credentials}
    assert reason in told


TEST_SENDS = {f"twilio test send is {each}" for each in ("taken", "refused with 21211")}


def test_test_credentials_that_reach_no_provider_are_named(run: Run) -> None:
    nowhere = {"TWILIO_TEST_AUTH_TOKEN": "t", "TWILIO_TEST_API_URL": f"http://127.0.0.1:{free_port()}"}

    assert run(Service(), TWILIO_TEST_ACCOUNT_SID="AC1", **nowhere)[1] == TEST_SENDS


def test_test_credentials_that_cannot_be_are_named_by_their_entry(run: Run) -> None:
    wrong = {"TWILIO_TEST_AUTH_TOKEN": "AC" + "0" * 32, "MESSAGEBIRD_TEST_ACCESS_KEY": "bk_eu1_hush"}

    _, broken, told = run(Service(), TWILIO_TEST_ACCOUNT_SID="AC1", **wrong)

    assert broken == TEST_SENDS | {"messagebird test send is taken"}
    assert "auth_token is a SID (AC…)" in told
    assert "access_key is a key of another provider" in told
    assert "hush" not in told


def test_what_is_printed_holds_no_key_and_no_secret(run: Run) -> None:
    _, _, told = run(Service(secrets=replace(SETTINGS, credentials={"twilio": {}, "messagebird": {}, "bird": {}})))
    secrets = {value for name, value in ENVIRONMENT.items() if name not in ("URL", "TWILIO_ACCOUNT_SID")}
    assert [secret for secret in secrets if secret in told] == []
