"""A webhook as Powertools' documentation has it: event handler, parser, Logger, Metrics and boto3; Tracer left out."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import ServiceError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.typing import LambdaContext

from plain.callbacks import enqueue, verified
from plain.models import Envelope
from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest

logger, metrics, app = Logger(), Metrics(), APIGatewayHttpResolver()
_FORBIDDEN = 403


@app.route("/webhooks/<provider>", method=["GET", "POST"])
def receive(provider: str) -> Response[Any]:
    """Check, enqueue, acknowledge."""
    event = app.current_event
    url = f"{event.path}?{event.raw_event['rawQueryString']}"
    body = (event.decoded_body or "").encode()
    query = event.query_string_parameters
    try:
        values = verified(provider, HttpRequest(event.http_method, url, event.headers, body))
    except InvalidSignature as error:
        raise ServiceError(_FORBIDDEN, "bad signature") from error
    known = {"message_id": query.get("message_id"), "attempt": int(query.get("attempt", "1"))}
    envelope = parse(event={**values, **known}, model=Envelope)
    enqueue(envelope.model_dump_json())
    metrics.add_dimension(name="provider", value=provider)
    metrics.add_metric(name="ReportsReceived", unit=MetricUnit.Count, value=1)
    logger.info("webhook", extra={"decision": "queued", "provider": provider, "message_id": envelope.message_id})
    return Response(status_code=204)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one webhook."""
    return app.resolve(event, context)
