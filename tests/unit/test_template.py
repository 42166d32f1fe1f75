"""The template's parameters, rules and outputs, and what samconfig.toml sets of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from sms_tracker import providers
from sms_tracker.config import PublisherConfig, load
from sms_tracker.domain.status import CORRECTIONS, Outcome, Status
from tests.configs import VARIABLES
from tests.unit.template_stack import NEEDED, ROOT, environment, overrides, refusals, samconfig, source, stack

PARAMETERS: Mapping[str, Mapping[str, Any]] = source()["Parameters"]
CONFIGURATION = ROOT / "docs" / "configuration.md"
CONFIG_ENVS = ["default", "dev", "prod"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_says_what_it_is_for_what_it_takes_and_what_is_usual(name: str) -> None:
    declared = PARAMETERS[name]
    assert len(declared["Description"]) > 10
    assert re.search(r"\bUsually [^.]", declared["Description"])
    assert {"AllowedValues", "AllowedPattern", "MinValue"} & set(declared)
    assert "AllowedPattern" not in declared or declared["ConstraintDescription"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_zero_never_means_without_a_limit(name: str) -> None:
    # EventBridge keeps an archive of 0 days forever; here 0 days are no archive.
    assert name == "ArchiveDays" or str(PARAMETERS[name].get("MinValue", "")) != "0"
    assert not re.search(r"\b0 (for|means|is) no limit|unlimited", PARAMETERS[name]["Description"])


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_used_and_documented_with_its_default(name: str) -> None:
    rest = json.dumps({section: body for section, body in source().items() if section != "Parameters"})
    default = PARAMETERS[name].get("Default")
    shown = {None: "required", "": "empty"}.get(default, f"`{default}`")
    assert f'{{"Ref": "{name}"}}' in rest or f"${{{name}}}" in rest
    assert f"\n- `{name}` ({shown}): " in CONFIGURATION.read_text()


def test_there_are_no_more_parameters_than_a_person_reads_and_only_the_countries_must_be_answered() -> None:
    assert len(PARAMETERS) <= 34
    # CloudFormation demands it of new stacks; existing ones keep their value.
    assert [name for name, declared in PARAMETERS.items() if "Default" not in declared] == ["AllowedCountries"]


def test_the_console_groups_the_parameters_as_the_template_does_and_leaves_out_none() -> None:
    groups = source()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert [name for group in groups for name in group["Parameters"]] == list(PARAMETERS)
    text = (ROOT / "template.yaml").read_text()
    headings = re.findall(r"^  # -- ([^-]+) -", text[: text.index("\nRules:")], re.MULTILINE)
    assert [group["Label"]["default"] for group in groups] == headings


@pytest.mark.parametrize("name", sorted(PARAMETERS.keys() - NEEDED))
def test_a_parameters_default_is_one_that_it_takes(name: str) -> None:
    declared = PARAMETERS[name]
    assert declared["Default"] in declared.get("AllowedValues", [declared["Default"]])
    assert re.fullmatch(declared.get("AllowedPattern", ".*"), str(declared["Default"]))
    if declared["Type"] == "Number":
        assert declared.get("MinValue", 0) <= declared["Default"] <= declared.get("MaxValue", 1e9)


@pytest.mark.parametrize("function", VARIABLES)
def test_a_functions_variables_are_documented(function: str) -> None:
    documented = re.findall("`([A-Z_]+)`", CONFIGURATION.read_text().partition("## Environment variables")[2])
    assert set(environment(function)) <= set(documented)


@pytest.mark.parametrize("provider", providers.names())
def test_a_default_sender_is_one_that_the_provider_takes(provider: str) -> None:
    # Found in https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id
    senders = source()["Resources"]["SendFunction"]["Properties"]["Environment"]["Variables"]["SENDERS"]
    (parameter,) = set(re.findall(rf"\b{provider}=\$\{{(\w+)\}}", json.dumps(senders)))
    forms = "|".join(providers.load(provider).SENDERS.values())
    if provider == "aws":  # IAM names a number by its id and nothing else
        named = ("(phone|pool)-[0-9a-f]{32}", "(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_-]{1,11}")
        assert all(each in forms for each in named)
        forms = "|".join(named)
    assert PARAMETERS[parameter]["AllowedPattern"] == f"^({forms})?$"


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("TwilioFrom", ["+15005550006", "12345", "My Shop", "T-Mobile", "MG" + "0" * 32], ["+0123456", "a,b", "a=b"]),
        ("MessageBirdOriginator", ["+31612345678", "31612", "My Shop"], ["MG" + "0" * 32, "a,b", " x"]),
        ("BirdFrom", ["+31612345678", "31612", "My-Shop.nl", ""], ["MG" + "0" * 32, "a,b", "ab", "-Shop"]),
        (
            "AllowedCountries",
            ["*", "NL", "NL,BE", "*,+8816", "NL,+1", "+4477009,BE", ",".join(["NL"] * 49)],
            ["", "nl", "NL, BE", "NLD", "NL,*", "+", "+0900", "8816", "NL,", ",".join(["NL"] * 50)],
        ),
        ("SendThrottleRate", ["1", "50", "2000"], ["", "0", "0.5", "1e3", "-1", "100000"]),
        ("Providers", ["twilio", "twilio,messagebird", "bird,twilio"], ["", "twilio,", "nexmo"]),
        ("PublishedStatuses", ["failed", "failed,delivered,corrections"], ["", "Failed", "failed, expired"]),
        ("DomainName", ["", "sms.example.com"], ["https://sms.example.com", "SMS.example.com", "localhost"]),
        ("AlertEmail", ["", "ops@example.com"], ["ops", "a b@example.com"]),
    ],
)
def test_a_free_parameter_takes_what_is_meant_and_refuses_slips(
    parameter: str, good: list[str], bad: list[str]
) -> None:
    pattern = PARAMETERS[parameter]["AllowedPattern"]
    assert [value for value in (*good, *bad) if re.fullmatch(pattern, value)] == good


def test_events_tell_of_failures_unknowns_and_corrections_unless_asked_for_more() -> None:
    published = load(PublisherConfig, environment("publisher")).published_statuses
    bad = {status for status in Status if status.outcome in (Outcome.FAILURE, Outcome.UNKNOWN)}
    assert published == {*bad, CORRECTIONS}
    assert load(PublisherConfig, environment("publisher")).event_personal_data is False


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, []),
        ({"DomainName": "sms.example.com"}, ["DomainName needs CertificateArn."]),
        ({"DomainName": "sms.example.com", "CertificateArn": "arn:c", "HostedZoneId": "Z1"}, []),
        ({"HostedZoneId": "Z1"}, ["HostedZoneId needs DomainName."]),
    ],
)
def test_a_domain_without_certificate_is_refused_before_anything_is_made(
    parameters: dict[str, str], said: list[str]
) -> None:
    assert refusals(**parameters) == said


@pytest.mark.parametrize("name", CONFIG_ENVS)
def test_samconfig_deploys_a_stack_of_its_own_with_parameters_that_exist(name: str) -> None:
    for parameter, value in overrides(name).items():
        declared = PARAMETERS[parameter]
        assert value in [str(choice) for choice in declared.get("AllowedValues", [value])]
    names = [samconfig()[each]["global"]["parameters"]["stack_name"] for each in CONFIG_ENVS]
    assert len(set(names)) == len(CONFIG_ENVS)
    assert samconfig()[name]["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"


def test_samconfig_names_no_account_region_or_machine() -> None:
    text = (ROOT / "samconfig.toml").read_text()
    assert not re.search(r"\d{12}|region\s*=|profile\s*=|s3_bucket|/home|/root|-(east|west|central)-\d", text)
    assert (overrides("prod")["Environment"], overrides("dev")["Environment"]) == ("prod", "dev")


def test_the_outputs_say_what_they_are_and_lead_to_the_api_the_bus_the_topic_the_tables_and_every_queue() -> None:
    values = {output["Value"] for output in stack().outputs.values()}
    assert {"Api.ApiEndpoint", "Bus", "Bus.Arn", "AlertsTopic", "MessagesTable", "StateTable"} <= values
    assert set(stack().of("AWS::SQS::Queue")) <= values
    assert all(len(output["Description"]) > 10 for output in source()["Outputs"].values())
