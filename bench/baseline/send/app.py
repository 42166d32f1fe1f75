"""A send as Powertools' documentation has it: event handler, parser, Logger, Metrics, httpx and boto3."""

from typing import Any

import phonenumbers
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import ValidationError, parse
from aws_lambda_powertools.utilities.typing import LambdaContext

from plain.models import Message
from plain.sending import send

logger, metrics, app = Logger(), Metrics(), APIGatewayHttpResolver()
_ACCEPTED = 202


@app.post("/messages")
def submit() -> tuple[dict[str, Any], int]:
    """Check, record, ask, record."""
    event = app.current_event
    client: str = event.raw_event["requestContext"]["authorizer"]["lambda"]["client"]
    try:
        message = parse(event=event.json_body, model=Message)
        number = phonenumbers.parse(message.to)
    except (ValidationError, phonenumbers.NumberParseException) as error:
        raise BadRequestError(str(error)) from error
    to = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    sent = send(client, to, message.body, message.provider, message.reference)
    metrics.add_metric(name="Sends", unit=MetricUnit.Count, value=1)
    logger.info("send", extra={"decision": "accepted", "client": client, "message_id": sent["message_id"]})
    return sent, _ACCEPTED


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)
