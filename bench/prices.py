"""AWS list prices, in one table: US East (N. Virginia), as the services' pricing pages had them in June 2026.

Without free tiers, discounts and taxes. DynamoDB's are those since its cut of November 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

REGION, AS_OF = "us-east-1", "June 2026"
MILLION, GB = 1e6, 1e9


@dataclass(frozen=True, slots=True)
class Price:
    """``dollars`` for one ``unit``; ``page`` is the pricing page that says so."""

    dollars: float
    unit: str
    page: str


PRICES = {
    "http-api": Price(1.00 / MILLION, "request of up to 512 KB", "Amazon API Gateway"),
    "rest-api": Price(3.50 / MILLION, "request", "Amazon API Gateway"),
    "invocation": Price(0.20 / MILLION, "invocation", "AWS Lambda"),
    "arm": Price(0.0000133334, "GB-second, arm64, init included", "AWS Lambda"),
    "x86": Price(0.0000166667, "GB-second, x86_64, init included", "AWS Lambda"),
    "sqs": Price(0.40 / MILLION, "request of up to 64 KB, standard queue", "Amazon SQS"),
    "write": Price(0.625 / MILLION, "write request unit, on demand", "Amazon DynamoDB"),
    "read": Price(0.125 / MILLION, "read request unit, on demand", "Amazon DynamoDB"),
    "storage": Price(0.25 / GB, "byte-month, indexes included", "Amazon DynamoDB"),
    "recovery": Price(0.20 / GB, "byte-month of point-in-time recovery", "Amazon DynamoDB"),
    "stream": Price(0.0, "read by Lambda", "Amazon DynamoDB"),
    "event": Price(1.00 / MILLION, "custom event of up to 64 KB", "Amazon EventBridge"),
    "archive": Price(0.10 / GB, "byte archived", "Amazon EventBridge"),
    "archived": Price(0.023 / GB, "byte-month in the archive", "Amazon EventBridge"),
    "schedule": Price(1.00 / MILLION, "scheduled invocation", "Amazon EventBridge"),
    "publish": Price(0.50 / MILLION, "request", "Amazon SNS"),
    "mail": Price(2.00 / 100_000, "e-mail", "Amazon SNS"),
    "log": Price(0.50 / GB, "byte ingested", "Amazon CloudWatch"),
    "logged": Price(0.03 / GB * 0.15, "byte-month, compressed to about 15 %", "Amazon CloudWatch"),
    "metric": Price(0.30 / 720, "custom metric and hour in which it is sent", "Amazon CloudWatch"),
    "alarm": Price(0.10, "alarm and month", "Amazon CloudWatch"),
    "dashboard": Price(3.00, "dashboard and month", "Amazon CloudWatch"),
    "trace": Price(5.00 / MILLION, "trace recorded", "AWS X-Ray"),
    "key": Price(1.00, "customer key and month", "AWS KMS"),
    "kms": Price(0.03 / 10_000, "request", "AWS KMS"),
    "parameter": Price(0.0, "standard parameter, standard throughput", "AWS Systems Manager"),
    "transfer": Price(0.09 / GB, "byte out to the internet", "Amazon EC2, data transfer"),
}
