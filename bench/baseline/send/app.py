"""The imports and clients of a send on httpx and boto3; the handler only reads its settings."""

import os
from typing import Any

import boto3
import httpx

from plain.settings import settings
from sms_tracker import providers

dynamodb = boto3.client("dynamodb")
http = httpx.Client(timeout=20)
adapter = providers.load(os.environ["DEFAULT_PROVIDER"])


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Read the settings, and send nothing: only the init is compared."""
    settings()
    return {"statusCode": 202}
