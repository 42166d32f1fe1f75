"""AWS list prices: US East (N. Virginia), June 2026, without free tiers, discounts and taxes.

The prices were not read from the pricing pages; each names the page to check (aws.amazon.com/…/pricing). DynamoDB's
include the reduction of November 2024. Lambda bills the init of an environment since August 2025.
"""

from __future__ import annotations

from dataclasses import dataclass

REGION, AS_OF = "us-east-1", "June 2026"
NOTE = (
    "Prices are from memory: check those that matter to a decision. In eu-west-1 HTTP API, DynamoDB and logs cost "
    "11 to 14 % more, the rest about the same: two dollars more in total."
)
_MILLION, _GB = 1e6, 1e9


@dataclass(frozen=True, slots=True)
class Price:
    """``dollars`` for ``number`` billed things, described by ``unit``; ``page`` is the pricing page."""

    dollars: float
    number: float
    unit: str
    page: str

    @property
    def each(self) -> float:
        """Dollars for one."""
        return self.dollars / self.number

    def __str__(self) -> str:
        return f"{self.dollars:.9g} per {self.unit}"


PRICES = {
    "http-api": Price(1.00, _MILLION, "million requests of up to 512 KB", "Amazon API Gateway"),
    "invocation": Price(0.20, _MILLION, "million invocations", "AWS Lambda"),
    "arm": Price(13.3334, _MILLION, "million GB-seconds, arm64, init included", "AWS Lambda"),
    "sqs": Price(0.40, _MILLION, "million requests of up to 64 KB", "Amazon SQS"),
    "write": Price(0.625, _MILLION, "million write request units", "Amazon DynamoDB"),
    "read": Price(0.125, _MILLION, "million read request units", "Amazon DynamoDB"),
    "storage": Price(0.25, _GB, "GB and month", "Amazon DynamoDB"),
    "recovery": Price(0.20, _GB, "GB and month", "Amazon DynamoDB"),
    "event": Price(1.00, _MILLION, "million custom events of up to 64 KB", "Amazon EventBridge"),
    "archive": Price(0.10, _GB, "GB archived", "Amazon EventBridge"),
    "archived": Price(0.023, _GB, "GB and month", "Amazon EventBridge"),
    "schedule": Price(1.00, _MILLION, "million scheduled invocations", "Amazon EventBridge"),
    "publish": Price(0.50, _MILLION, "million requests", "Amazon SNS"),
    "mail": Price(2.00, 100_000, "100,000 e-mails", "Amazon SNS"),
    "log": Price(0.50, _GB, "GB ingested", "Amazon CloudWatch"),
    "logged": Price(0.03, _GB, "GB, compressed, and month", "Amazon CloudWatch"),
    "metric": Price(0.30, 720, "metric and month of 720 hours with data", "Amazon CloudWatch"),
    "alarm": Price(0.10, 1, "metric of an alarm and month", "Amazon CloudWatch"),
    "dashboard": Price(3.00, 1, "dashboard and month", "Amazon CloudWatch"),
    "key": Price(1.00, 1, "customer key and month", "AWS KMS"),
    "kms": Price(0.03, 10_000, "10,000 requests", "AWS KMS"),
    "transfer": Price(0.09, _GB, "GB out to the internet", "Amazon EC2, data transfer"),
}
