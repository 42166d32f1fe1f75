"""Settings from Parameter Store: cached, kept during an outage, never shown."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import boto3
import pytest

from sms_tracker import providers
from sms_tracker.aws.clients import calling
from sms_tracker.aws.connections import Connections
from sms_tracker.aws.limits import CachedStops
from sms_tracker.aws.settings import LIFETIME, STALE_IF_ERROR, SsmSettings, base_urls
from sms_tracker.domain.errors import Misconfigured, Unavailable
from sms_tracker.domain.operator_rules import read_limits
from sms_tracker.services.policy import read_senders
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal
from tests.fakes import FakeClock

PROVIDERS = ("twilio", "messagebird")
SENDERS = json.dumps({"twilio": {"US": "+15551234567"}})
HMAC_KEY = b"k" * 32
GOOD = {
    "/stack/public-base-urls": "https://sms.example.com/,https://abc.execute-api.eu-west-1.amazonaws.com",
    "/stack/secrets/service": json.dumps({"hmac_key": base64.b64encode(HMAC_KEY).decode()}),
    "/stack/secrets/twilio": json.dumps({"account_sid": "AC1", "auth_token": "token-one"}),
    "/stack/secrets/messagebird": json.dumps({"access_key": "live_key", "signing_key": "sign-one"}),
}


@dataclass
class Store:
    """Parameter Store, and the settings read from it with a test clock."""

    parameters: Mapping[str, str]
    jitter: Callable[[], float] = lambda: 0.0
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.recorder = CallRecorder(boto3.client("ssm"))
        for name, value in self.parameters.items():
            self.put(name, value)
        self.recorder.calls.clear()
        self.settings = self.reading()

    def reading(self, *providers: str, **optional: Callable[[str], object]) -> SsmSettings:
        return SsmSettings(
            calling(self.recorder.client),
            "/stack",
            providers or PROVIDERS,
            jitter=self.jitter,
            optional=optional,
            now=self.clock.monotonic,
            sleep=self.clock.sleep,
        )

    def put(self, name: str, value: str) -> None:
        kind: Any = "SecureString" if "/secrets/" in name else "String"
        self.recorder.client.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)

    @property
    def reads(self) -> int:
        return self.recorder.names.count("GetParameters")

    def reads_after(self, *pauses: float, **how: Any) -> list[int]:
        """The reads so far after each pause and one more use."""
        found = []
        for seconds in pauses:
            self.clock.sleep(seconds)
            self.settings(**how)
            found.append(self.reads)
        return found


pytestmark = pytest.mark.usefixtures("aws")


def test_settings_are_what_the_store_holds_decrypted() -> None:
    settings = Store(GOOD).settings()

    assert settings.credentials == {
        "twilio": {"account_sid": "AC1", "auth_token": "token-one"},
        "messagebird": {"access_key": "live_key", "signing_key": "sign-one"},
    }
    assert settings.service_key == HMAC_KEY
    assert settings.public_base_urls == ("https://sms.example.com", "https://abc.execute-api.eu-west-1.amazonaws.com")


def test_one_call_reads_them_all_and_only_of_the_enabled_providers() -> None:
    store = Store(GOOD)

    store.settings()

    assert store.recorder.names == ["GetParameters"]
    assert set(store.recorder.calls[0][1]["Names"]) == GOOD.keys()
    assert store.reading("twilio")().credentials.keys() == {"twilio"}
    assert "/stack/secrets/messagebird" not in store.recorder.calls[1][1]["Names"]


def test_they_are_read_again_only_after_their_lifetime() -> None:
    assert Store(GOOD).reads_after(0.0, LIFETIME, 1.0) == [1, 1, 2]


def test_they_are_read_again_after_the_clock_was_set_back() -> None:
    assert Store(GOOD).reads_after(0.0, -3600.0, LIFETIME, 1.0) == [1, 2, 2, 3]


@pytest.mark.parametrize("cache", [SsmSettings, CachedStops, Connections])
def test_what_is_cached_ages_while_lambda_freezes_the_environment(cache: type) -> None:
    # Found in mbeher2200/DarkHours#204, hashicorp/vault-lambda-extension#150
    assert signature(cache).parameters["now"].default is time.time


def test_every_lifetime_is_drawn_anew_and_longer_by_up_to_a_fifth() -> None:
    draws = iter([0.0, 1.0, 1.0])

    assert Store(GOOD, jitter=lambda: next(draws)).reads_after(0.0, *[LIFETIME * 1.2 - 1] * 3) == [1, 2, 2, 3]


def test_a_rotated_secret_is_seen_as_soon_as_somebody_asks_for_fresh_ones() -> None:
    store = Store(GOOD)
    store.settings()
    store.put("/stack/secrets/twilio", json.dumps({"account_sid": "AC1", "auth_token": "token-two"}))
    store.clock.sleep(31)

    assert store.settings().credentials["twilio"]["auth_token"] == "token-one"
    assert store.settings(max_age=30.0).credentials["twilio"]["auth_token"] == "token-two"


def test_asking_for_fresh_ones_all_the_time_does_not_flood_the_store() -> None:
    assert Store(GOOD).reads_after(*[0.1] * 100, max_age=30.0)[-1] == 1


ERRORS = [UNREACHABLE, refusal("ThrottlingException"), refusal("AccessDeniedException")]


@pytest.mark.parametrize("error", ERRORS)
def test_settings_once_read_serve_on_through_an_outage_of_a_day_and_no_longer(error: Exception) -> None:
    store = Store(GOOD)
    before = store.settings()
    store.recorder.error = error
    store.clock.sleep(STALE_IF_ERROR - 1)
    assert store.settings() == before

    store.clock.sleep(32)
    with pytest.raises(Unavailable, match="the settings cannot be read"):
        store.settings()
    store.recorder.error = None
    store.clock.sleep(31)
    assert store.settings().service_key == HMAC_KEY


def test_an_unreachable_store_is_tried_every_half_minute_and_not_on_every_request() -> None:
    store = Store(GOOD)
    store.settings()
    store.recorder.error = UNREACHABLE

    assert store.reads_after(LIFETIME + 1, *[1.0] * 99)[-1] == 1 + 4


@pytest.mark.parametrize("error", ERRORS)
def test_a_cold_start_without_the_store_has_no_settings(error: Exception) -> None:
    store = Store(GOOD)
    store.recorder.error = error

    with pytest.raises(Unavailable, match=r"^GetParameters: ") as caught:
        store.settings()

    assert "secret" not in str(caught.value)
    store.recorder.error = None
    assert store.settings().service_key == HMAC_KEY


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_a_missing_parameter_is_named_at_a_cold_start(missing: str) -> None:
    store = Store({name: value for name, value in GOOD.items() if name != missing})

    with pytest.raises(Misconfigured) as caught:
        store.settings()

    assert str(caught.value) == f"missing parameters: {missing} (run `make secrets`)"


def test_what_is_spoilt_later_does_not_take_the_service_down() -> None:
    store = Store({**GOOD, "/stack/senders": SENDERS})
    settings = store.reading(senders=read_senders)
    before = settings()
    for name, value in (("secrets/twilio", "spoilt"), ("senders", "{")):
        store.put(f"/stack/{name}", value)
        store.clock.sleep(LIFETIME + 1)

        assert settings() == before
    assert before.senders == json.loads(SENDERS)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("/stack/secrets/twilio", "hush-hush", "is not JSON"),
        ("/stack/secrets/twilio", "[" * 3000, "is not JSON"),
        ("/stack/secrets/twilio", '["hush-hush"]', "is not a flat JSON object of strings"),
        ("/stack/secrets/twilio", '{"auth_token": {"is": "hush-hush"}}', "is not a flat JSON object of strings"),
        ("/stack/secrets/messagebird", '{"access_key": 7}', "is not a flat JSON object of strings"),
        ("/stack/secrets/messagebird", "null", "is not a flat JSON object of strings"),
        ("/stack/secrets/service", "{}", "lacks hmac_key"),
        ("/stack/secrets/service", '{"hmac_key": "hush-hush"}', "lacks hmac_key"),
        ("/stack/secrets/service", '{"hmac_key": "hüsh"}', "lacks hmac_key"),
        ("/stack/secrets/service", json.dumps({"hmac_key": base64.b64encode(b"k" * 31).decode()}), "lacks hmac_key"),
        ("/stack/public-base-urls", "http://hush-hush.example", "is not a plain https URL"),
        ("/stack/public-base-urls", ",", "is empty"),
    ],
)
def test_a_malformed_parameter_is_named_without_its_value(name: str, value: str, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Store({**GOOD, name: value}).settings()

    assert name in str(caught.value)
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("https://sms.example.com", ("https://sms.example.com",)),
        ("https://sms.example.com/", ("https://sms.example.com",)),
        ("https://sms.example.com/v1/", ("https://sms.example.com/v1",)),
        ("https://sms.example.com:8443", ("https://sms.example.com:8443",)),
        (" https://a.example , https://b.example ,", ("https://a.example", "https://b.example")),
        ("http://127.0.0.1:3000", ("http://127.0.0.1:3000",)),
    ],
)
def test_public_addresses_are_plain_https_or_our_own_machine(value: str, urls: tuple[str, ...]) -> None:
    assert base_urls("urls", value) == urls


@pytest.mark.parametrize(
    "value",
    [
        *("", " , ", "http://sms.example.com", "http://127.0.0.1.example.com", "http://localhost:3000"),
        *("ftp://sms.example.com", "sms.example.com", "https://", "https:///path", "https://["),
        *("https://sms.example.com:port", "https://sms.example.com:99999", "https://sms.example.com?"),
        *("https://sms.example.com/?a=b", "https://sms.example.com/#part", "https://sms.example.com/a b"),
        "https://good.example,http://bad.example",
    ],
)
def test_any_other_public_address_is_refused(value: str) -> None:
    with pytest.raises(Misconfigured, match=r"^urls "):
        base_urls("urls", value)


def test_optional_parameters_are_read_in_the_same_call_by_those_who_ask_for_them_and_may_be_missing() -> None:
    store = Store({**GOOD, "/stack/senders": SENDERS, "/stack/limits": '{"daily_cap": 7}'})
    settings = store.reading(senders=read_senders, limits=read_limits)()

    assert settings.limits
    assert (settings.limits.daily_cap, settings.senders, store.reads) == (7, json.loads(SENDERS), 1)
    assert store.settings().senders == {}
    asked = [set(arguments["Names"]) for _, arguments in store.recorder.calls]
    assert asked == [{*GOOD, "/stack/senders", "/stack/limits"}, set(GOOD)]
    for name in ("senders", "limits"):
        store.recorder.client.delete_parameter(Name=f"/stack/{name}")
    bare = store.reading(senders=read_senders, limits=read_limits)()
    assert (bare.senders, bare.limits) == ({}, None)


def test_a_malformed_optional_parameter_stops_a_cold_start_with_its_flaw() -> None:
    store = Store({**GOOD, "/stack/senders": json.dumps({"twilio": {"UK": "MyShop"}})})

    with pytest.raises(Misconfigured, match=r"^senders: twilio: UK is no country code, write GB$"):
        store.reading(senders=read_senders)()


def test_one_call_holds_as_many_parameters_as_there_can_be() -> None:
    # GetParameters takes ten names: addresses, our own key, each provider's secret, senders, limits.
    assert len(providers.names()) + 4 <= 10
