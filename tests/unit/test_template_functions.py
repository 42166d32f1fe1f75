"""The template's functions: what they are given, what they run on, where they log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from sms_tracker import providers
from sms_tracker.config import SendConfig, load
from sms_tracker.domain.operator_rules import Destinations
from tests.configs import CONFIGS, VARIABLES
from tests.unit.template_stack import ROOT, environment, source, stack

pytestmark = pytest.mark.no_cover  # other tests cover what it uses

NAMES = sorted(CONFIGS)
PARAMETERS: Mapping[str, Mapping[str, Any]] = source()["Parameters"]
LAYERS = sorted(name for name, one in source()["Resources"].items() if one["Type"] == "AWS::Serverless::LayerVersion")
NUMBERS = [(name, str(declared["MinValue"])) for name, declared in PARAMETERS.items() if "MinValue" in declared]
CHOICES = [(name, str(value)) for name, declared in PARAMETERS.items() for value in declared.get("AllowedValues", [])]


def properties(name: str, **parameters: str) -> Mapping[str, Any]:
    return stack(**parameters).properties(f"{name.title()}Function")


def test_the_stack_has_a_function_for_every_configuration_and_no_other() -> None:
    functions = stack().of("AWS::Lambda::Function").values()
    assert sorted(each.properties["FunctionName"].removeprefix("stack-") for each in functions) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_given_exactly_the_variables_that_it_reads_and_understands_their_values(name: str) -> None:
    given = {variable for variable in environment(name) if not variable.startswith("POWERTOOLS_")}
    assert given - {"UNREAD_METRICS"} == VARIABLES[name]  # the log reads that one
    assert isinstance(load(CONFIGS[name], environment(name)), CONFIGS[name])


@pytest.mark.parametrize(("parameter", "value"), CHOICES + NUMBERS)
def test_the_functions_understand_every_choice_and_lowest_number_that_a_parameter_allows(
    parameter: str, value: str
) -> None:
    for name, shape in CONFIGS.items():
        enabled = {"Providers": ",".join(providers.names())} if parameter == "DefaultProvider" else {}
        assert isinstance(load(shape, environment(name, **enabled, **{parameter: value})), shape)


def test_the_functions_understand_what_the_free_parameters_may_hold() -> None:
    senders = {"twilio": "MG" + "0a" * 16, "messagebird": "My Shop"}
    named = {"TwilioFrom": senders["twilio"], "MessageBirdOriginator": senders["messagebird"]}
    values = environment("send", Providers="messagebird,twilio", AllowedCountries="NL,BE", RetentionDays="7", **named)
    settings = load(SendConfig, values)
    assert (settings.providers, settings.senders) == (("messagebird", "twilio"), senders)
    assert (settings.allowed_countries, settings.retention_days) == (Destinations(frozenset({"NL", "BE"})), 7)


@pytest.mark.parametrize("name", NAMES)
def test_a_function_logs_and_measures_under_its_own_name_into_a_group_that_forgets(name: str) -> None:
    told = {
        "POWERTOOLS_SERVICE_NAME": name,
        "POWERTOOLS_METRICS_NAMESPACE": "SmsTracker/stack",
        "POWERTOOLS_LOG_LEVEL": "WARNING",
        "POWERTOOLS_LOGGER_SAMPLE_RATE": "0",
    }
    logging = properties(name)["LoggingConfig"]
    group = stack(LogRetentionDays="7").resources[logging["LogGroup"]]
    assert environment(name, LogLevel="WARNING").items() >= told.items()
    assert logging == {"LogFormat": "Text", "LogGroup": f"{name.title()}Logs"}
    assert group.properties == {"LogGroupName": f"/aws/lambda/stack-{name}", "RetentionInDays": "7"}
    assert group.attributes["DeletionPolicy"] == group.attributes["UpdateReplacePolicy"] == "Delete"


@pytest.mark.parametrize("name", NAMES)
def test_lambdas_own_lines_of_what_went_well_are_left_out_by_the_preset_and_ours_never(name: str) -> None:
    logging = properties(name, Preset="volume")["LoggingConfig"]
    assert (logging["LogFormat"], logging["SystemLogLevel"], logging["ApplicationLogLevel"]) == ("JSON", "WARN", "INFO")


@pytest.mark.parametrize("name", NAMES)
def test_a_function_runs_on_python_3_13_and_arm_with_layers_of_the_stack_traced_where_a_parameter_says_so(
    name: str,
) -> None:
    runs, traced = properties(name), properties(name, Tracing="Active")
    assert (runs["Runtime"], runs["Architectures"], runs["Handler"]) == ("python3.13", ["arm64"], "app.handler")
    assert set(runs["Layers"]) <= {layer.name for layer in stack().of("AWS::Lambda::LayerVersion").values()}
    assert runs["Code"]["S3Key"] == f"functions/{name}"
    assert (runs["TracingConfig"], traced["TracingConfig"]) == ({"Mode": "PassThrough"}, {"Mode": "Active"})


@pytest.mark.parametrize("name", [f"{name.title()}Function" for name in NAMES] + LAYERS)
def test_a_function_or_layer_is_built_by_the_makefile_beside_the_template(name: str) -> None:
    declared = source()["Resources"][name]
    kind = re.fullmatch(r"\w+(Function|Layer)", name)
    assert declared["Metadata"]["BuildMethod"] == "makefile"
    assert declared["Metadata"]["ContextPath"] == "."
    assert kind
    assert f"\nbuild-%{kind[1]}:\n" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_built_for_what_the_functions_run_on_and_ships_pins_as_they_are_tested(name: str) -> None:
    declared = source()["Resources"][name]
    assert declared["Metadata"]["BuildArchitecture"] == "arm64"
    assert declared["Properties"]["CompatibleArchitectures"] == ["arm64"]
    assert declared["Properties"]["CompatibleRuntimes"] == ["python3.13"]
    pins = ROOT / declared["Properties"]["ContentUri"] / "requirements.txt"
    tested = (ROOT / "requirements-dev.txt").read_text().splitlines()
    shipped = [line for line in pins.read_text().splitlines() if "==" in line]
    assert shipped
    assert [line for line in shipped if line not in tested] == []


def test_sending_ends_before_api_gateway_gives_up_and_a_webhook_before_twilio_hangs_up() -> None:
    api = stack().only("AWS::ApiGatewayV2::Api").properties["Body"]
    assert properties("send")["Timeout"] == 28
    assert api["paths"]["/messages"]["post"]["x-amazon-apigateway-integration"]["timeoutInMillis"] == 30_000
    assert environment("send")["CLAIM_SECONDS"] == str(28 + 5)  # a claim outlives its sending
    assert properties("webhook")["Timeout"] == 10


def test_the_memory_of_functions_is_the_presets() -> None:
    assert {int(properties(name)["MemorySize"]) for name in NAMES} == {512}
    small = {name for name in NAMES if str(properties(name, Preset="volume")["MemorySize"]) == "256"}
    assert small == {"send", "webhook", "processor", "publisher"}


def test_no_function_starts_from_a_snapshot_unless_the_template_is_changed() -> None:
    assert properties("send")["SnapStart"] == {"ApplyOn": "None"}
    assert [name for name in NAMES if "SnapStart" in properties(name)] == ["send"]


def test_send_is_called_by_an_alias_that_follows_every_change_of_code_and_layers() -> None:
    declared = source()["Resources"]["SendFunction"]["Properties"]
    alias = stack().only("AWS::Lambda::Alias").properties
    version = stack().only("AWS::Lambda::Version")
    assert alias["FunctionVersion"] == f"{version.name}.Version"
    assert declared["AutoPublishAliasAllProperties"] is True
    assert all(source()["Resources"][name]["Properties"]["PublishLambdaVersion"] is True for name in LAYERS)
    assert version.attributes["DeletionPolicy"] == "Delete"


def deployment(**parameters: str) -> Mapping[str, Any]:
    """The group that deploys new versions of send."""
    return stack(**parameters).only("AWS::CodeDeploy::DeploymentGroup").properties


def test_a_new_version_of_send_takes_over_at_once_unless_a_parameter_says_otherwise() -> None:
    at_once, alias = stack(), stack(GradualDeployment="true").only("AWS::Lambda::Alias")
    update = alias.attributes["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert not any("CodeDeploy" in each.type for each in at_once.resources.values())
    assert "UpdatePolicy" not in at_once.only("AWS::Lambda::Alias").attributes
    assert update["DeploymentGroupName"] == {"Ref": "SendFunctionDeploymentGroup"}


@pytest.mark.parametrize("way", [value for name, value in CHOICES if name == "GradualDeployment" and value != "false"])
def test_a_gradual_deployment_goes_the_way_that_the_parameter_names(way: str) -> None:
    group = deployment(GradualDeployment=way)
    named = "Canary10Percent5Minutes" if way == "true" else way
    assert str(group["DeploymentConfigName"]).endswith(named)
    assert group["AlarmConfiguration"]["Enabled"] is True


def test_a_new_version_of_send_goes_back_by_itself_when_an_alarm_about_send_speaks() -> None:
    gradual, group = stack(GradualDeployment="true"), deployment(GradualDeployment="true")

    watching = [gradual.properties(each["Name"]) for each in group["AlarmConfiguration"]["Alarms"]]
    about = {(each["MetricName"], *(one["Value"] for one in each["Dimensions"])) for each in watching}
    assert about == {("Errors", "SendFunction"), ("SendErrors", "send")}
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert deployment(GradualDeployment="true", Alarms="none")["AlarmConfiguration"] == {}


def test_a_change_of_any_parameter_of_send_publishes_a_version() -> None:
    def told(**parameters: str) -> tuple[dict[str, Any], str]:
        """What ``send`` runs on, its concurrency aside, and its version's description."""
        runs = {**properties("send", **parameters), "ReservedConcurrentExecutions": None}
        return runs, stack(**parameters).only("AWS::Lambda::Version").properties["Description"]

    def other(name: str) -> str:
        """A value that is not the default."""
        declared = PARAMETERS[name]
        choices = [value for value in declared.get("AllowedValues", []) if value != declared.get("Default")]
        return str(next(iter(choices), {"AllowedCountries": "NL"}.get(name) or declared.get("MinValue", "other")))

    runs, description = told()
    edited = {"SendMemory": "1024", "LambdaLogLines": "failures", "KeepRawReports": "true"}  # of the mapping Presets
    changed = {name: told(**{name: other(name)}) for name in PARAMETERS}
    changed |= {name: told(**{name: value}) for name, value in edited.items()}
    of_send = {name for name, (others, _) in changed.items() if others != runs}

    assert {"Providers", "TwilioFrom", "LogLevel", "Tracing", "Preset", *edited} <= of_send
    assert [name for name in sorted(of_send) if changed[name][1] == description] == []


def test_the_longest_description_of_a_version_is_one_that_lambda_takes() -> None:
    longest = {name: str(declared.get("MaxValue", declared.get("Default"))) for name, declared in PARAMETERS.items()}
    for name, declared in PARAMETERS.items():
        longest[name] = max(map(str, declared.get("AllowedValues", [longest[name]])), key=len)
    longest |= {"TwilioFrom": "MG" + "0" * 32, "MessageBirdOriginator": "+" + "9" * 15, "Tracing": "Active"}
    longest |= {"SendMemory": "10240", "LambdaLogLines": "failures", "RetentionDays": "9999"}
    for countries in (",".join(["NL"] * 49), "*,+" + ",+".join(["1234567"] * 12) + ",+"):
        assert re.fullmatch(PARAMETERS["AllowedCountries"]["AllowedPattern"], countries.removesuffix(",+"))
        assert not re.fullmatch(PARAMETERS["AllowedCountries"]["AllowedPattern"], f"{countries},NL")
        longest["AllowedCountries"] = countries
        description = stack(**longest).only("AWS::Lambda::Version").properties["Description"]
        assert 200 < len(description) <= 256


def test_a_burst_of_reports_leaves_environments_to_sends_and_webhooks_and_no_function_reserves_any() -> None:
    # An operator reserves them by `aws lambda put-function-concurrency`, which a deployment then leaves alone.
    assert stack().properties("ProcessorFunctionReports")["ScalingConfig"] == {"MaximumConcurrency": 100}
    assert [name for name in NAMES if "ReservedConcurrentExecutions" in properties(name)] == []


@pytest.mark.parametrize("provider", providers.names())
def test_every_provider_can_be_enabled_and_configured(provider: str) -> None:
    assert re.fullmatch(PARAMETERS["Providers"]["AllowedPattern"], provider)
    assert provider in PARAMETERS["DefaultProvider"]["AllowedValues"]
    assert f"{provider}=" in environment("send")["SENDERS"]
    assert (f"{provider}=" in environment("webhook")["VERIFICATION"]) == providers.load(provider).WEBHOOK
