"""The meaning of each failure and advice about it, for people: in the digest, the API and the web page."""

from __future__ import annotations

from collections.abc import Mapping

from sms_tracker.domain.failure import Category, Reason

MEANING: Mapping[Reason, str] = {
    Reason.INVALID_RECIPIENT: "The number does not exist or takes no SMS. Check how it got into your data.",
    Reason.UNREACHABLE: "The handset was off or out of reach. Send again later.",
    Reason.BLOCKED: "The recipient, their carrier or a country rule blocks this message. Do not send again unchanged.",
    Reason.OPTED_OUT: "The recipient replied STOP. Do not write to them until they opt in again.",
    Reason.CONTENT_FILTERED: "A carrier took it for spam. Review the text and its links, and register the sender.",
    Reason.SENDER_REJECTED: "The sender may not be used for this recipient. Check the originator and its registration.",
    Reason.EXPIRED: "It could not be delivered within its validity. Send again if it still matters.",
    Reason.CANCELED: "It was canceled before it was sent.",
    Reason.LANDLINE: "The number is a landline. Ask for a mobile number.",
    Reason.ACCOUNT: "Our account or its configuration at the provider is at fault. Look at the provider's console now.",
    Reason.PROVIDER_ERROR: "The provider or a carrier had a fault. Send again; watch the provider's status page.",
    Reason.NOT_SENT: "No provider took it. Nothing was sent; send it again.",
    Reason.UNKNOWN: "The provider gave no usable reason. See its code in docs/providers.",
}
RETRYABLE: Mapping[Category, bool | None] = {
    Category.PERMANENT: False,
    Category.TEMPORARY: True,
    Category.UNKNOWN: None,
}
"""Whether sending the same message again may help; None where that is not known."""
RETRY_ADVICE: Mapping[Category, str] = {
    Category.PERMANENT: "sending again will not help",
    Category.TEMPORARY: "sending again may help",
    Category.UNKNOWN: "whether sending again helps is not known",
}
