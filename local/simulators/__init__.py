"""Twilio and MessageBird on 127.0.0.1: their real routes, auth, callbacks and signatures, and misbehaviour on demand.

Servers of their own: they import nothing of the service, so that a mistake in it cannot hide in them.
Signatures are made by Twilio's own SDK and by PyJWT. Start both with ``python -m local.simulators --help``.
"""

# Made up, and obviously so; each can be replaced by a flag of the same name.
TWILIO_ACCOUNT_SID = "AC" + "0" * 28 + "face"
TWILIO_AUTH_TOKEN = "local-simulator-twilio-auth-token"  # noqa: S105 - opens nothing but the simulator
TWILIO_API_KEY_SID = "SK" + "0" * 28 + "face"
TWILIO_API_KEY_SECRET = "local-simulator-twilio-api-key-secret"  # noqa: S105 - opens nothing but the simulator
TWILIO_FROM = "+15557654321"
MESSAGEBIRD_ACCESS_KEY = "local-simulator-messagebird-access-key"
MESSAGEBIRD_SIGNING_KEY = "local-simulator-messagebird-signing-key"
MESSAGEBIRD_ORIGINATOR = "Simulator"
