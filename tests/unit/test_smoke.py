"""The check after a deployment: all is well with a service that behaves, and each misbehaviour is named alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx
import pytest

from local.process import free_port
from ops.accounts import ENTRIES
from ops.smoke.__main__ import main
from ops.smoke.target import TEMPLATE, Accounts, Outcome, Route, Target, routes
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


def test_a_service_that_behaves_has_nothing_broken(run: Run) -> None:
    service = Service()

    code, broken, told = run(service)

    assert (code, broken) == (0, set())
    assert all(outcome in told for outcome in ("ok ", "skipped "))
    assert service.seen == {str(route) for route in ROUTES}


def test_every_genuine_webhook_is_recognisably_about_nobody(run: Run) -> None:
    service = Service()

    run(service)

    assert len(service.queue.bodies) == (2 + 2 + 1) * 3  # accepted secrets of three providers, queries
    assert all(NO_MESSAGE in body for body in service.queue.bodies)


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


def to(route: Route, answer: httpx.Response, *, key: str | None = None) -> Answer:
    """Whatever comes to ``route`` (with ``key``, "" for none) gets ``answer``."""

    def instead(request: httpx.Request) -> httpx.Response | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        meant = _matches(route, request) and request.url.scheme == "https" and key in (None, given)
        return answer if meant else None

    return instead


HEALTH = Route(method="GET", path="/health", guarded=False)


@pytest.mark.parametrize("answer", [httpx.Response(503, json={"status": 503}), httpx.Response(200, text="a web page")])
def test_a_service_that_is_not_well_is_named(run: Run, answer: httpx.Response) -> None:
    code, broken, _ = run(Service(instead=to(HEALTH, answer)))

    assert code == 1
    assert broken - {"GET /health is open"} == {"health"}


@pytest.mark.parametrize("route", GUARDED, ids=str)
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
def test_a_route_with_the_wrong_answer_is_named(run: Run, route: Route, key: str, answer: int, named: str) -> None:
    code, broken, _ = run(Service(instead=to(route, httpx.Response(answer, json={}), key=key)))

    assert (code, broken) == (1, {f"{route} {named}"})


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_route_that_asks_for_no_scope_is_named(run: Run, route: Route) -> None:
    other = "smst_send" if route.scope == "read" else "smst_read"

    code, broken, _ = run(Service(instead=to(route, httpx.Response(200), key=other)))

    assert (code, broken) == (1, {f"{route} with a key lacking {route.scope} is refused"})


def test_an_open_route_that_asks_for_a_key_or_is_not_there_is_named(run: Run) -> None:
    for answer in (httpx.Response(401, json={}), httpx.Response(404, json={}), httpx.Response(500, headers=PROBLEM)):
        assert "GET /health is open" in run(Service(instead=to(HEALTH, answer)))[1]


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(200), httpx.Response(500), httpx.Response(301, headers={"location": "http://sms.example.com"})],
)
def test_an_address_that_serves_without_tls_is_named(run: Run, answer: httpx.Response) -> None:
    code, broken, _ = run(Service(instead=lambda request: answer if request.url.scheme == "http" else None))

    assert (code, broken) == (1, {"plain http is not served"})


def test_a_redirect_to_https_is_as_good_as_a_closed_port(run: Run) -> None:
    away = httpx.Response(301, headers={"location": "https://sms.example.com/health"})

    assert run(Service(instead=lambda request: away if request.url.scheme == "http" else None))[0] == 0


def believing(where: Callable[[httpx.Request], bool]) -> Answer:
    """Webhooks of that kind are taken, whoever signed them."""
    return lambda request: httpx.Response(204) if "/webhooks/" in request.url.path and where(request) else None


def test_a_webhook_that_believes_what_nobody_signed_is_named(run: Run) -> None:
    unsigned = believing(lambda request: not any(name in request.headers for name in _SECRET_HEADERS))

    _, broken, _ = run(Service(instead=unsigned))

    assert broken == {
        f"{name} {method} unsigned is refused" for name in providers.names() for method in ("GET", "POST")
    }


def test_a_webhook_that_believes_any_signature_is_named(run: Run) -> None:
    _, broken, _ = run(
        Service(instead=believing(lambda request: any(each in request.headers for each in _SECRET_HEADERS)))
    )

    altered = {f"twilio signed by {each} and altered is refused" for each in ("auth_token", "next_auth_token")}
    altered |= {"bird signed by webhook_secret and altered is refused"}
    altered |= {f"messagebird signed by {each} and altered is refused" for each in ("signing_key", "next_signing_key")}
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
    assert all(
        name.startswith(("messagebird signed by", "bird signed by")) and name.endswith("taken") for name in broken
    )


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

    code = main([], bare, transport=httpx.MockTransport(Service()), stack=Elsewhere)

    told = capsys.readouterr().out
    assert code == 0
    assert "secrets: of .env and the environment" in told
    for missing in ("READ_KEY", "SEND_KEY", "auth_token", "signing_key", "TWILIO_TEST_AUTH_TOKEN"):
        assert re.search(rf"^skipped .*needs .*{missing}", told, re.MULTILINE), missing


@pytest.mark.parametrize("environment", [{}, {"URL": BASE_URL}, {"URL": "sms.example.com", "KEY": "smst_all"}])
def test_without_an_address_or_a_key_it_says_how_it_is_used(environment: dict[str, str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([], environment, stack=Elsewhere)


@pytest.fixture
def http() -> Iterator[Callable[[Service], Target]]:
    clients: list[httpx.Client] = []

    def target(service: Service) -> Target:
        clients.append(httpx.Client(transport=httpx.MockTransport(service)))
        return Target(http=clients[-1], url=BASE_URL, key="smst_all")

    yield target
    for client in clients:
        client.close()


ALL = frozenset(name for name in providers.names() if ENTRIES[name])
"""Those whose accounts .env can hold."""


def test_our_own_token_vouches_where_an_account_cannot_sign(http: Callable[[Service], Target]) -> None:
    accounts = Accounts(documents={}, enabled=("twilio", "messagebird"), tokens=ALL, service_key=SERVICE_KEY)

    found = [*webhooks(http(Service(tokens=ALL)), accounts, ROUTES)]

    assert {result.outcome for result in found} == {Outcome.OK}
    assert [result.name for result in found if "with our token and altered" in result.name]


def test_a_token_that_is_not_checked_is_named(http: Callable[[Service], Target]) -> None:
    accounts = Accounts(documents={}, enabled=("twilio",), tokens=ALL, service_key=SERVICE_KEY)
    service = Service(tokens=ALL, instead=believing(lambda request: "token=" in str(request.url)))

    found = [*webhooks(http(service), accounts, ROUTES)]

    broken = [result.name for result in found if result.outcome is Outcome.BROKEN]
    assert broken == ["twilio signed by another is refused", "twilio with our token and altered is refused"]


def test_only_enabled_providers_are_checked_where_they_are_known(http: Callable[[Service], Target]) -> None:
    accounts = Accounts(documents={"twilio": TWILIO}, enabled=("twilio",))

    found = [*webhooks(http(Service()), accounts, ROUTES)]

    assert {result.name.split()[0] for result in found} == {"twilio"}


def sent(status: str, *, final: bool = True) -> Answer:
    """Every message is taken and ends so."""
    outcome = {"delivered": "success", "undelivered": "failure"}.get(status, "open")

    def instead(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST" and request.url.path == "/messages" and request.read() not in (b"{}", b""):
            return httpx.Response(202, json={"message_id": "9b2f"})
        if request.url.path == "/messages/9b2f":
            return httpx.Response(200, json={"status": status, "final": final, "outcome": outcome})
        return None

    return instead


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (sent("delivered"), set()),
        (sent("undelivered"), {f"{name} send is delivered" for name in ALL}),
        (sent("sent", final=False), {f"{name} send is delivered" for name in ALL}),
    ],
)
def test_a_real_message_is_followed_to_its_end(run: Run, answer: Answer, named: set[str]) -> None:
    code, broken, told = run(Service(instead=answer), "--to", "+31612345678", "--seconds", "0")

    assert (code, broken) == (1 if named else 0, named)
    assert "9b2f" in told


def test_a_send_that_is_refused_is_named_with_the_reason(run: Run) -> None:
    _, broken, told = run(Service(), "--to", "+31612345678", "--seconds", "0")

    assert broken == {f"{name} send is accepted" for name in ALL}
    assert "not accepted" in told


def test_a_number_that_the_service_refuses_is_named_with_what_is_wrong(run: Run) -> None:
    wrong = {"detail": "Correct the fields.", "errors": [{"field": "to", "message": 'holds "O"'}]}

    def sends(request: httpx.Request) -> httpx.Response | None:
        asked = request.method == "POST" and request.url.path == "/messages" and b"2345678O" in request.read()
        return httpx.Response(400, json=wrong) if asked else None

    _, _, told = run(Service(instead=sends), "--to", "+49 151 2345678O", "--seconds", "0")

    assert 'to holds "O"' in told


def test_test_credentials_that_reach_no_provider_are_named(run: Run) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"

    _, broken, _ = run(
        Service(), TWILIO_TEST_ACCOUNT_SID="AC1", TWILIO_TEST_AUTH_TOKEN="t", TWILIO_TEST_API_URL=nowhere
    )

    assert broken == {"twilio test send is taken", "twilio test send is refused with 21211"}


def test_test_credentials_that_cannot_be_are_named_by_their_entry(run: Run) -> None:
    _, broken, told = run(
        Service(),
        TWILIO_TEST_ACCOUNT_SID="AC1",
        TWILIO_TEST_AUTH_TOKEN="AC" + "0" * 32,
        MESSAGEBIRD_TEST_ACCESS_KEY="bk_eu1_hush",
    )

    assert broken == {f"twilio test send is {each}" for each in ("taken", "refused with 21211")} | {
        "messagebird test send is taken"
    }
    assert "auth_token is a SID (AC…)" in told
    assert "access_key is a key of another provider" in told
    assert "hush" not in told


def test_what_is_printed_holds_no_key_and_no_secret(run: Run) -> None:
    _, _, told = run(Service(secrets=replace(SETTINGS, credentials={"twilio": {}, "messagebird": {}, "bird": {}})))

    secrets = {value for name, value in ENVIRONMENT.items() if name not in ("URL", "TWILIO_ACCOUNT_SID")}
    assert [secret for secret in secrets if secret in told] == []
