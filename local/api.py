"""Configure the HTTP API from its OpenAPI body, which the emulator ignores."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.clients import Clients
from local.process import StackError

Json = Mapping[str, Any]

_FUNCTION = re.compile(r'\$\{(\w+?)(?:\.Arn|Aliaslive)\}|"Fn::GetAtt": \["(\w+)", "Arn"\]')
"""A function's ARN or alias in JSON; the emulator always runs the newest version."""
_GATEWAY = "x-amazon-apigateway-"


def create_routes(clients: Clients, *, template: Json, physical: Mapping[str, str], arns: Mapping[str, str]) -> str:
    """Create the HTTP API's authorizers, integrations and routes; returns the API's id, empty without an API.

    ``template`` is the processed one; ``physical`` and ``arns`` are the resources' names and ARNs by logical id.
    """
    apis = (name for name, resource in template["Resources"].items() if resource["Type"] == "AWS::ApiGatewayV2::Api")
    if (logical_id := next(apis, None)) is None:
        return ""
    api_id, body = physical[logical_id], template["Resources"][logical_id]["Properties"].get("Body", {})
    authorizers = {
        name: _authorizer(clients, api_id, name, scheme[f"{_GATEWAY}authorizer"], arns)
        for name, scheme in body.get("components", {}).get("securitySchemes", {}).items()
    }
    for route_key, operation in _operations(body):
        required = [name for requirement in operation.get("security", []) for name in requirement]
        names = [name for name in required if name in authorizers]  # SAM writes NONE for a public route
        security: dict[str, Any] = (
            {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizers[names[0]]} if names else {}
        )
        target = _integration(clients, api_id, operation[f"{_GATEWAY}integration"], arns)
        clients.apigateway.create_route(ApiId=api_id, RouteKey=route_key, Target=target, **security)
    return api_id


def _operations(body: Json) -> Iterator[tuple[str, Json]]:
    """Each route key with its OpenAPI operation."""
    for path, item in body.get("paths", {}).items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def _authorizer(clients: Clients, api_id: str, name: str, described: Json, arns: Mapping[str, str]) -> str:
    sources = described.get("identitySource", [])
    made = clients.apigateway.create_authorizer(
        ApiId=api_id,
        Name=name,
        AuthorizerType="REQUEST",
        AuthorizerUri=_arn(described["authorizerUri"], arns),
        AuthorizerPayloadFormatVersion=str(described.get("authorizerPayloadFormatVersion", "2.0")),
        EnableSimpleResponses=bool(described.get("enableSimpleResponses", False)),
        AuthorizerResultTtlInSeconds=int(described.get("authorizerResultTtlInSeconds", 300)),
        IdentitySource=[part.strip() for part in sources.split(",")] if isinstance(sources, str) else sources,
    )
    return made["AuthorizerId"]


def _integration(clients: Clients, api_id: str, described: Json, arns: Mapping[str, str]) -> str:
    made = clients.apigateway.create_integration(
        ApiId=api_id,
        IntegrationType="AWS_PROXY",
        IntegrationUri=_arn(described["uri"], arns),
        PayloadFormatVersion=str(described.get("payloadFormatVersion", "2.0")),
    )
    return f"integrations/{made['IntegrationId']}"


def _arn(uri: Json | str, arns: Mapping[str, str]) -> str:
    """The ARN of the function in ``uri``."""
    for placeholder, attribute in _FUNCTION.findall(json.dumps(uri)):
        if arn := arns.get(placeholder or attribute):
            return arn
    raise StackError(f"no known function in this integration: {uri}")
