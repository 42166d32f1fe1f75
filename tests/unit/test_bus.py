from __future__ import annotations

from sms_tracker.domain.bus import BusEvent, OutboxItem

EVENT = BusEvent(source="sms-tracker", detail_type="SMS Received", detail="{}")


def key(identity: str) -> str:
    return OutboxItem(identity=identity, event=EVENT, expires_at=1).key


def test_an_identity_has_one_key_which_no_message_can_have() -> None:
    assert key("SMS Received#twilio#SM1") == key("SMS Received#twilio#SM1") != key("SMS Received#twilio#SM2")
    assert key("SMS Received#twilio#SM1").startswith("event#")
