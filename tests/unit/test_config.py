"""Settings from the environment: all of them named where they are wrong, none of their values shown."""

from __future__ import annotations

import phonenumbers
import pytest

from sms_tracker import providers
from sms_tracker.config import Config, PublisherConfig, SendConfig, load
from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.operator_rules import LIKELY_CODES, Destinations
from sms_tracker.domain.settings import ScopeMode, TextRetention
from tests.configs import CONFIGS, VARIABLES

GOOD = {
    "MESSAGES_TABLE": "messages",
    "STATE_TABLE": "state",
    "SETTINGS_PREFIX": "/stack",
    "PROVIDERS": "twilio,messagebird",
    "DEFAULT_PROVIDER": "twilio",
    "SENDERS": "twilio=+15551234567,messagebird=My Shop",
    "VERIFICATION": "twilio=signature,messagebird=token",
    "QUEUE_SENDING": "true",
    "ALLOWED_COUNTRIES": "NL,BE",
    "TEXT_RETENTION": "until_final",
    "RETENTION_DAYS": "90",
    "CLAIM_SECONDS": "33",
    "KEEP_RAW_REPORTS": "true",
    "OPT_OUT_SCOPE": "sender",
    "REPORTS_QUEUE_URL": "https://queue.example/reports",
    "INBOUND_QUEUE_URL": "https://queue.example/inbound",
    "INBOUND_DLQ_URL": "https://queue.example/inbound-dlq",
    "UNMATCHED_QUEUE_URL": "https://queue.example/unmatched",
    "REPORTS_DLQ_URL": "https://queue.example/reports-dlq",
    "EVENT_BUS_NAME": "bus",
    "PUBLISHED_STATUSES": "failed,undelivered,corrections",
    "PUBLISH_FAILED_QUEUE_URL": "https://queue.example/publish-failed",
    "EVENT_PERSONAL_DATA": "false",
    "RECONCILE_AFTER_SECONDS": "600",
    "UNKNOWN_AFTER_SECONDS": "259200",
    "NOT_SENT_AFTER_SECONDS": "900",
    "LOOK_AGAIN_AFTER_SECONDS": "3600",
    "TRACKING_OBJECTIVE": "99.5",
    "LOOKUPS_PER_SECOND": "5",
    "LOOKUPS_PER_RUN": "1000",
    "PRICE_LOOKUP": "sample",
    "RUN_SECONDS": "200",
    "ALERTS_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:alerts",
}
EACH = [(name, variable) for name in CONFIGS for variable in sorted(VARIABLES[name])]
MALFORMED = [
    *[("PROVIDERS", each) for each in ("", "twilio,carrier-pigeon")],
    *[("DEFAULT_PROVIDER", each) for each in ("", "carrier-pigeon")],
    *[("VERIFICATION", each) for each in ("twilio=none", "twilio")],
    *[("RETENTION_DAYS", each) for each in ("6", "a week")],
    *[("CLAIM_SECONDS", each) for each in ("0", "soon")],
    *[("TRACKING_OBJECTIVE", each) for each in ("100", "all")],
    *[("SENDERS", "twilio"), ("QUEUE_SENDING", "no"), ("TEXT_RETENTION", "forever"), ("OPT_OUT_SCOPE", "nobody")],
    *[("RECONCILE_AFTER_SECONDS", "later"), ("UNKNOWN_AFTER_SECONDS", "-1"), ("NOT_SENT_AFTER_SECONDS", "0")],
    *[("LOOK_AGAIN_AFTER_SECONDS", "0"), ("LOOKUPS_PER_SECOND", "0"), ("LOOKUPS_PER_RUN", "all")],
    *[("PRICE_LOOKUP", "some"), ("RUN_SECONDS", "0"), ("KEEP_RAW_REPORTS", "yes"), ("EVENT_PERSONAL_DATA", "True")],
    *[("PUBLISHED_STATUSES", "lost"), ("MESSAGES_TABLE", "")],
]


def refusal(shape: type[Config], environment: dict[str, str]) -> str:
    with pytest.raises(Misconfigured) as caught:
        load(shape, environment)
    return str(caught.value)


def test_every_variable_is_tried_here_and_malformed_if_it_has_a_form_of_its_own() -> None:
    free_text = {name for name in GOOD if name.endswith(("_TABLE", "_URL", "_ARN", "_PREFIX", "_NAME"))}

    assert set().union(*VARIABLES.values()) == GOOD.keys()
    assert {"ALLOWED_COUNTRIES", *(name for name, _ in MALFORMED)} | free_text == GOOD.keys()


def test_settings_are_read_with_their_types() -> None:
    expected = SendConfig(
        messages_table="messages",
        settings_prefix="/stack",
        providers=("twilio", "messagebird"),
        default_provider="twilio",
        senders={"twilio": "+15551234567", "messagebird": "My Shop"},
        allowed_countries=Destinations(frozenset({"NL", "BE"})),
        text_retention=TextRetention.UNTIL_FINAL,
        retention_days=90,
        claim_seconds=33,
        keep_raw_reports=True,
        state_table="state",
        opt_out_scope=ScopeMode.SENDER,
        inbound_queue_url="https://queue.example/inbound",
        reports_queue_url="https://queue.example/reports",
    )

    assert vars(load(SendConfig, GOOD)) == vars(expected)


def test_what_a_deployment_leaves_open_is_understood() -> None:
    found = load(SendConfig, {**GOOD, "SENDERS": "twilio=,messagebird=", "ALLOWED_COUNTRIES": "*"})

    assert (found.senders, found.allowed_countries) == ({}, Destinations(None))
    assert load(PublisherConfig, {**GOOD, "PUBLISHED_STATUSES": ""}).published_statuses == frozenset()


@pytest.mark.parametrize("name", CONFIGS)
def test_a_function_without_variables_is_told_all_of_them_in_one_line(name: str) -> None:
    assert refusal(CONFIGS[name], {}) == f"missing or malformed settings: {', '.join(sorted(VARIABLES[name]))}"


@pytest.mark.parametrize(("function", "missing"), EACH)
def test_each_missing_variable_is_named_alone(function: str, missing: str) -> None:
    rest = {name: value for name, value in GOOD.items() if name != missing}

    assert refusal(CONFIGS[function], rest) == f"missing or malformed settings: {missing}"


@pytest.mark.parametrize(("variable", "value"), MALFORMED)
def test_each_malformed_variable_is_named_without_its_value(variable: str, value: str) -> None:
    for name in (name for name in CONFIGS if variable in VARIABLES[name]):
        said = refusal(CONFIGS[name], {**GOOD, variable: value})

        assert said == f"missing or malformed settings: {variable}"
        assert not value or value not in said


@pytest.mark.parametrize("function", ["send", "reconciler", "query", "inbound"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        *[("", "holds no code"), (" , ", "holds no code"), ("NL,UK", "UK is no country code, write GB")],
        ("EL", "EL is no country code, write GR"),
        ("JA,KO", "JA is no country code, write JP, KO is no country code, write KR"),
        *[("USA", "USA is no country code, write US"), ("nl,BE", "nl is no country code, write NL")],
        ("uk", "uk is no country code, write GB"),
        ("SW", "SW is no country code"),  # Sweden, Switzerland, Swaziland?
        ("XX", "XX is no country code"),
        ("AQ", "AQ is no country code"),  # a country without numbers
        *[("001", "001 is no country code"), ("NL;BE", "NL;BE is no country code"), ("NL,*", "* is no country code")],
        *[("*,*,NL", "* is no country code"), ("NL,+", "+ is no range, such as +8816")],
        *[("*,+0900", "+0900 is no range, such as +8816"), ("+31-90", "+31-90 is no range, such as +8816")],
        ("+1234567890123456", "+12345678901 is no range, such as +8816"),
        ("\u0130\n", "? is no country code"),
    ],
)
def test_a_code_of_no_country_is_named_with_its_likely_meaning(function: str, value: str, said: str) -> None:
    # Found in Propaganistas/Laravel-Phone#82
    told = refusal(CONFIGS[function], {**GOOD, "ALLOWED_COUNTRIES": value})

    assert told == f"missing or malformed settings: ALLOWED_COUNTRIES ({said})"


def test_many_codes_of_no_country_stay_one_short_line() -> None:
    told = refusal(SendConfig, {**GOOD, "ALLOWED_COUNTRIES": ",".join("Q" * n for n in range(1, 60)), "SENDERS": "x"})

    assert told.endswith("SENDERS")
    assert len(told) < 300


@pytest.mark.parametrize(
    ("value", "countries", "ranges"),
    [
        ("NL,+8816", frozenset({"NL"}), ("+8816",)),
        ("*, +8816 ,+44900", None, ("+8816", "+44900")),
        ("+31612345678", frozenset(), ("+31612345678",)),
    ],
)
def test_ranges_stand_beside_countries(value: str, countries: frozenset[str] | None, ranges: tuple[str, ...]) -> None:
    found = load(SendConfig, {**GOOD, "ALLOWED_COUNTRIES": value}).allowed_countries

    assert found == Destinations(countries, ranges)


def test_every_code_that_phonenumbers_knows_is_taken_and_every_advice_is_one() -> None:
    known = frozenset(phonenumbers.SUPPORTED_REGIONS)
    found = load(SendConfig, {**GOOD, "ALLOWED_COUNTRIES": ", ".join([*known, "NL"])}).allowed_countries

    assert found == Destinations(known)
    assert set(LIKELY_CODES.values()) <= known
    assert not LIKELY_CODES.keys() & known


@pytest.mark.parametrize("provider", providers.names())
def test_every_provider_may_be_the_only_one_and_a_default_that_is_not_enabled_is_refused(provider: str) -> None:
    found = load(SendConfig, {**GOOD, "PROVIDERS": provider, "DEFAULT_PROVIDER": provider})
    other = next(each for each in providers.names() if each != provider)

    assert (found.providers, found.default_provider) == ((provider,), provider)
    refused = refusal(SendConfig, {**GOOD, "PROVIDERS": provider, "DEFAULT_PROVIDER": other})
    assert refused == "DEFAULT_PROVIDER is not one of PROVIDERS"
