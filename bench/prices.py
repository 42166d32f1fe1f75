"""AWS list prices: US East (N. Virginia), without discounts and taxes; tiers and free allowances beside them.

No pricing page could be read here. ``checked`` is the date of the newest public copy or quotation of a page's price
that was compared, or "memory" where none was found. DynamoDB's include the reduction of November 2024. Lambda bills
the init of an environment since August 2025. Allowances of an account's first year, such as API Gateway's, are not in.
"""

from __future__ import annotations

from dataclasses import dataclass

REGION = "us-east-1"
NOTE = (
    "Free allowances are the account's, shared with everything else in it. In eu-west-1 HTTP API, DynamoDB and logs "
    "cost 11 to 14 % more, the rest about the same: two dollars per million messages in total."
)
MILLION, _GB = 1e6, 1e9
_API, _LAMBDA, _SQS, _DYNAMODB = "api-gateway", "lambda", "sqs", "dynamodb"
_EVENTS, _SNS, _WATCH, _KMS, _EC2 = "eventbridge", "sns", "cloudwatch", "kms", "ec2/on-demand"


@dataclass(frozen=True, slots=True)
class Price:
    """``dollars`` for ``number`` billed things, described by ``unit``.

    ``page`` is the page at aws.amazon.com/…/pricing. ``free`` things a month are free in every account. ``beyond`` is
    the quantity from which another number of dollars holds.
    """

    dollars: float
    number: float
    unit: str
    page: str
    checked: str
    free: float = 0
    beyond: tuple[float, float] = (float("inf"), 0)

    def of(self, quantity: float) -> float:
        """Dollars for a month's quantity."""
        limit, dollars = self.beyond
        return (min(quantity, limit) * self.dollars + max(0.0, quantity - limit) * dollars) / self.number

    def __str__(self) -> str:
        return f"{self.dollars:.9g} per {self.unit}"

    @property
    def source(self) -> str:
        """The pricing page and the date."""
        return f"{self.page}, {self.checked}"


PRICES = {
    "http-api": Price(1.00, MILLION, "million requests", _API, "2026-03", beyond=(300 * MILLION, 0.90)),
    "invocation": Price(0.20, MILLION, "million invocations", _LAMBDA, "memory", free=MILLION),
    "arm": Price(13.3334, MILLION, "million GB-seconds, arm64", _LAMBDA, "memory", free=400_000),
    "sqs": Price(0.40, MILLION, "million requests", _SQS, "2026-03", free=MILLION),
    "write": Price(0.625, MILLION, "million write units", _DYNAMODB, "2025"),
    "read": Price(0.125, MILLION, "million read units", _DYNAMODB, "2025"),
    "storage": Price(0.25, _GB, "GB and month", _DYNAMODB, "memory", free=25 * _GB),
    "recovery": Price(0.20, _GB, "GB and month", _DYNAMODB, "memory"),
    "event": Price(1.00, MILLION, "million custom events", _EVENTS, "memory"),
    "archive": Price(0.10, _GB, "GB archived", _EVENTS, "memory"),
    "archived": Price(0.023, _GB, "GB and month", _EVENTS, "memory"),
    "schedule": Price(1.00, MILLION, "million schedules", _EVENTS, "memory", free=14 * MILLION),
    "publish": Price(0.50, MILLION, "million requests", _SNS, "2026-06", free=MILLION),
    "mail": Price(2.00, 100_000, "100,000 e-mails", _SNS, "2026-06", free=1000),
    "log": Price(0.50, _GB, "GB ingested", _WATCH, "2026-06", free=5 * _GB),
    "logged": Price(0.03, _GB, "GB, compressed, and month", _WATCH, "memory"),
    "metric": Price(0.30, 720, "metric and 720 hours with data", _WATCH, "2026-02", free=10 * 720),
    "alarm": Price(0.10, 1, "metric of an alarm and month", _WATCH, "2026-02", free=10),
    "dashboard": Price(3.00, 1, "dashboard and month", _WATCH, "2026-06", free=3),
    "key": Price(1.00, 1, "customer key or rotation and month", _KMS, "2026-03"),
    "kms": Price(0.03, 10_000, "10,000 requests", _KMS, "2026-03", free=20_000),
    "transfer": Price(0.09, _GB, "GB out to the internet", _EC2, "2026-03", free=100 * _GB),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line; ``price`` is a key of ``PRICES``. ``monthly`` rows are due without any message.

    ``before`` is the quantity of earlier rows at the same price: tiers and free allowances count them all.
    """

    name: str
    quantity: float
    price: str
    monthly: bool = False
    before: float = 0

    @property
    def dollars(self) -> float:
        """At list price."""
        price = PRICES[self.price]
        return price.of(self.before + self.quantity) - price.of(self.before)

    @property
    def free(self) -> float:
        """Dollars that the account's free allowance takes off."""
        price = PRICES[self.price]
        return price.of(min(self.before + self.quantity, price.free)) - price.of(min(self.before, price.free))
