"""What the parser checks."""

from typing import Literal

from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from pydantic import BaseModel, Field, Json


class Envelope(BaseModel):
    """One report on its way."""

    v: Literal[1] = 1
    provider: str
    message_id: str | None
    attempt: int = Field(ge=1, le=19)
    source: Literal["callback", "lookup"]
    received_at: str
    fields: dict[str, str]


class EnvelopeRecord(SqsRecordModel):
    """A queue's record with an envelope in it."""

    body: Json[Envelope]


class Message(BaseModel, extra="forbid"):
    """What a client asks to have sent."""

    to: str
    body: str = Field(min_length=1, max_length=1600)
    provider: Literal["twilio", "messagebird"] = "twilio"
    reference: str | None = Field(default=None, max_length=255)
