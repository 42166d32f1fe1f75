"""The template's HTTP API: who may call what, how often, and what is logged of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.template_stack import overrides, stack

CALLBACKS = "the providers hold no key of ours; the function checks their signature"
OPEN_ROUTES = {
    "GET /webhooks/{provider}": CALLBACKS,
    "POST /webhooks/{provider}": CALLBACKS,
    "GET /webhooks/{provider}/inbound": CALLBACKS,
    "POST /webhooks/{provider}/inbound": CALLBACKS,
    "GET /health": "for uptime checks; it tells nothing about anybody",
    "GET /": "the page is empty until its visitor gives it a key",
    "GET /page/{file}": "the page's script and style",
    "GET /docs": "the same for everybody, and in the repository",
    "GET /openapi.json": "the same for everybody, and in the repository",
}
OPEN_ROUTES |= {  # not for webhooks: what asks is a report to be queued, and a provider that only looks has none
    route.replace("GET", "HEAD"): why for route, why in OPEN_ROUTES.items() if why != CALLBACKS
}
GUARDED_ROUTES = {
    *("POST /messages", "GET /messages", "GET /messages/{message_id}", "GET /stats"),
    *("GET /opt-outs", "PUT /opt-outs", "DELETE /opt-outs"),
}


def routes() -> dict[str, Mapping[str, Any]]:
    paths = stack().only("AWS::ApiGatewayV2::Api").properties["Body"]["paths"]
    return {f"{method.upper()} {path}": how for path, methods in paths.items() for method, how in methods.items()}


def test_every_route_has_the_authorizer_or_a_stated_reason() -> None:
    guarded = {route for route, how in routes().items() if how["security"] == [{"ApiKey": []}]}
    opened = {route for route, how in routes().items() if how["security"] == [{"NONE": []}]}
    assert guarded == GUARDED_ROUTES
    assert opened == set(OPEN_ROUTES)
    assert guarded | opened == set(routes())


def test_head_is_answered_wherever_a_get_is_open_to_all_but_for_webhooks() -> None:
    opened = {route.removeprefix("GET ") for route in OPEN_ROUTES if route.startswith("GET ")}
    heads = {route.removeprefix("HEAD ") for route in routes() if route.startswith("HEAD ")}
    assert heads == opened - {"/webhooks/{provider}", "/webhooks/{provider}/inbound"}


def function_of(route: str) -> str:
    """The function that a route has to lead to."""
    if route == "POST /messages":
        return "SendFunctionAliaslive"
    return {"webhooks": "WebhookFunction.Arn", "opt-outs": "InboundFunction.Arn"}.get(
        route.split("/")[1], "QueryFunction.Arn"
    )


@pytest.mark.parametrize("route", sorted(GUARDED_ROUTES | OPEN_ROUTES.keys()))
def test_a_route_leads_to_its_function_in_payload_format_2(route: str) -> None:
    integration = routes()[route]["x-amazon-apigateway-integration"]
    assert f"/functions/{function_of(route)}/invocations" in integration["uri"]
    assert integration["payloadFormatVersion"] == "2.0"


def test_the_authorizer_sees_the_key_and_is_asked_again_after_a_minute() -> None:
    schemes = stack().only("AWS::ApiGatewayV2::Api").properties["Body"]["components"]["securitySchemes"]
    authorizer = dict(schemes["ApiKey"]["x-amazon-apigateway-authorizer"])
    assert set(schemes) == {"ApiKey"}
    assert "/functions/AuthorizerFunction.Arn/" in authorizer.pop("authorizerUri")
    assert authorizer == {
        "type": "request",
        "identitySource": ["$request.header.Authorization"],
        "authorizerResultTtlInSeconds": 60,
        "authorizerPayloadFormatVersion": "2.0",
        "enableSimpleResponses": True,
    }


def test_only_the_api_may_invoke_the_functions() -> None:
    permissions = stack().of("AWS::Lambda::Permission").values()
    assert len(permissions) == len(routes()) + 1  # and the authorizer
    for permission in permissions:
        assert permission.properties["Principal"] == "apigateway.amazonaws.com"
        assert permission.properties["SourceArn"].startswith("arn:aws:execute-api:region:account:Api/")


@pytest.mark.parametrize("limit", ["ThrottlingRateLimit", "ThrottlingBurstLimit"])
@pytest.mark.parametrize("name", ["default", "dev", "prod"])
def test_webhooks_get_at_least_five_times_what_sends_get(name: str, limit: str) -> None:
    settings = stack(**overrides(name)).only("AWS::ApiGatewayV2::Stage").properties["RouteSettings"]
    sends = float(settings["POST /messages"][limit])
    for route in (route for route, why in OPEN_ROUTES.items() if why == CALLBACKS):
        assert float(settings[route][limit]) >= 5 * sends > 0


def test_throttled_routes_exist_and_the_others_have_a_limit_too() -> None:
    properties = stack().only("AWS::ApiGatewayV2::Stage").properties
    assert properties["StageName"] == "$default"
    assert set(properties["RouteSettings"]) <= set(routes())
    assert set(properties["DefaultRouteSettings"]) == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}


def test_the_access_log_holds_nothing_personal_and_can_be_left_out() -> None:
    settings = stack().only("AWS::ApiGatewayV2::Stage").properties["AccessLogSettings"]
    fields = json.loads(settings["Format"]).values()
    telling = ("path", "rawPath", "query", "sourceIp", "userAgent", "header", "domainName")
    assert settings["DestinationArn"] == "AccessLogs.Arn"
    assert "$context.routeKey" in fields
    assert not [field for field in fields if any(word in field for word in telling)]
    without = stack(Preset="volume")
    assert "AccessLogSettings" not in without.only("AWS::ApiGatewayV2::Stage").properties
    assert "AccessLogs" not in without.resources


def test_without_a_domain_the_providers_call_the_api_itself() -> None:
    plain = stack()
    assert plain.properties("PublicBaseUrls")["Value"] == "Api.ApiEndpoint"
    assert plain.outputs["ApiUrl"]["Value"] == "Api.ApiEndpoint"
    assert not plain.of("AWS::ApiGatewayV2::DomainName")


def test_a_domain_comes_first_and_the_api_stays_reachable_for_messages_under_way() -> None:
    own = stack(DomainName="sms.example.com", CertificateArn="arn:aws:acm:r:1:certificate/c")
    mapping = own.only("AWS::ApiGatewayV2::ApiMapping").properties
    assert own.properties("PublicBaseUrls")["Name"] == "/stack/public-base-urls"
    assert own.properties("PublicBaseUrls")["Value"] == "https://sms.example.com,Api.ApiEndpoint"
    assert own.outputs["ApiUrl"]["Value"] == "https://sms.example.com"
    assert (mapping["ApiId"], mapping["DomainName"]) == ("Api", "CustomDomain")
    assert mapping["Stage"] == own.only("AWS::ApiGatewayV2::Stage").name
    assert not own.of("AWS::Route53::RecordSet")


def test_the_domain_gets_a_record_where_a_zone_is_given() -> None:
    zoned = stack(DomainName="sms.example.com", CertificateArn="arn:c", HostedZoneId="Z1")
    record = zoned.only("AWS::Route53::RecordSet").properties
    assert (record["Name"], record["HostedZoneId"]) == ("sms.example.com", "Z1")
    assert record["AliasTarget"]["DNSName"] == "CustomDomain.RegionalDomainName"
