"""Endpoints of AWS services: equal to botocore's, or left to boto3."""

from __future__ import annotations

from collections.abc import Mapping

import botocore.session
import pytest

from sms_tracker.aws import clients, json_client
from sms_tracker.aws.connections import Endpoint, endpoint_of

SERVICES = ("dynamodb", "sqs", "ssm")
SESSION = botocore.session.Session()
REGIONS = sorted(
    {
        region
        for partition in SESSION.get_available_partitions()
        for region in SESSION.get_available_regions("sqs", partition)
    }
)
REGION = {"AWS_DEFAULT_REGION": "eu-west-1"}


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_has_the_same_endpoint_as_in_botocore(region: str) -> None:
    for service in SERVICES:
        theirs = SESSION.create_client(
            service, region_name=region, aws_access_key_id="test", aws_secret_access_key="test"
        ).meta.endpoint_url
        ours = endpoint_of(service, {"AWS_DEFAULT_REGION": region})

        assert ours is None or f"https://{ours.authority}" == theirs


def test_the_regions_of_three_partitions_are_known_and_the_default_port_is_left_out() -> None:
    known = {region for region in REGIONS if endpoint_of("sqs", {"AWS_REGION": region})}

    assert {"us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"} <= known
    assert len(known) > 30

    assert Endpoint("r", "h", 443).authority == Endpoint("r", "h", 80, tls=False).authority == "h"
    assert Endpoint("r", "h", 80).authority == "h:80"


@pytest.mark.parametrize(
    ("environment", "authority", "tls"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "127.0.0.1:4566", False),
        ({"AWS_ENDPOINT_URL": "https://LocalHost:443/"}, "localhost", True),
        ({"AWS_ENDPOINT_URL": "http://localhost:80"}, "localhost", False),
        ({"AWS_ENDPOINT_URL": "http://a:1", "AWS_ENDPOINT_URL_SQS": "https://b:2"}, "b:2", True),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://a:1"}, "sqs.eu-west-1.amazonaws.com", True),
        (
            {"AWS_ENDPOINT_URL": "http://a:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "sqs.eu-west-1.amazonaws.com",
            True,
        ),
    ],
)
def test_an_endpoint_that_is_named_is_used(environment: Mapping[str, str], authority: str, *, tls: bool) -> None:
    found = endpoint_of("sqs", {**REGION, **environment})

    assert found is not None
    assert (found.authority, found.tls, found.region) == (authority, tls, "eu-west-1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("AWS_DEFAULT_REGION", each) for each in ("", "mars-north-1", "eusc-de-east-1", "us-iso-east-1")],
        ("AWS_DEFAULT_REGION", "eu-west-1.attacker.example#"),
        *[("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "True")],
        *[("HTTPS_PROXY", "http://proxy:3128"), ("https_proxy", "http://proxy:3128")],
        *[("AWS_ENDPOINT_URL", each) for each in ("http://127.0.0.1:4566/with/a/path", "http://[::1]:4566")],
        *[("AWS_ENDPOINT_URL", each) for each in ("http://user@localhost:4566", "https://münchen.example")],
        *[("AWS_ENDPOINT_URL", each) for each in ("unix:///run/aws", "localhost:4566")],
    ],
)
def test_whatever_takes_more_than_that_is_left_to_boto3(name: str, value: str) -> None:
    assert endpoint_of("sqs", {**REGION, name: value}) is None


@pytest.mark.parametrize(("proxy", "ours"), [("", True), ("http://127.0.0.1:1", False)])
def test_what_is_left_to_boto3_is_called_by_boto3(monkeypatch: pytest.MonkeyPatch, proxy: str, *, ours: bool) -> None:
    for name, value in {**REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    made = json_client.api("sqs")

    assert isinstance(made, json_client.JsonClient) is ours
    assert ours or made.__qualname__.startswith(clients.calling.__name__)  # type: ignore[attr-defined]  # a function
