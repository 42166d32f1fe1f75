"""Who may vouch for AWS's servers: Amazon's own authorities, and the system's where those do not suffice.

Reading the system's hundred costs more than everything else that a cold start does here; docs/adr/0011 has the figures.
"""

from __future__ import annotations

import json
import os
import ssl
import time
from collections.abc import Mapping
from functools import cache
from threading import Lock

AMAZON = os.path.join(os.path.dirname(__file__), "amazon.pem")  # noqa: PTH118, PTH120  # pathlib is seven modules more
"""The five of Amazon Trust Services, which sign AWS's endpoints; a test holds them against the world's list."""
_CHOSEN = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Where an operator has chosen authorities, nobody else is asked."""


class Authorities:
    """One for all channels of a process. Whoever it trusts, the whole chain and the host's name are checked."""

    def __init__(self, environment: Mapping[str, str], first: str = AMAZON) -> None:
        chosen = any(environment.get(name) for name in _CHOSEN)
        self.tls = ssl.create_default_context(cafile=(environment.get("AWS_CA_BUNDLE") or None) if chosen else first)
        self._few = not chosen
        self._lock = Lock()

    def more(self, used: ssl.SSLContext, reason: str) -> bool:
        """Whether ``tls`` trusts more than what was ``used``: from the first refusal on, all of the system's."""
        with self._lock:  # threads may be refused at the same time
            if self._few and self.tls is used:
                self.tls, self._few = ssl.create_default_context(), False
                _warn(reason)
        return self.tls is not used


def _warn(reason: str) -> None:
    told = f"AWS's server is not vouched for by Amazon's authorities ({reason}): the system's are asked from now on"
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())  # as log.py writes it, and why
    line = {"timestamp": at, "level": "WARNING", "decision": "more-authorities", "error": told}
    print(json.dumps(line))  # noqa: T201  # Lambda's log


@cache
def trusted() -> Authorities:
    """This process's."""
    return Authorities(os.environ)
