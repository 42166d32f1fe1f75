"""The contract of ``opt_outs.py``, which a provider has that answers questions about keywords and blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
    from sms_tracker.domain.keywords import OwnKeywords
    from sms_tracker.domain.opt_out import Kind
    from sms_tracker.domain.outbound import LookupFailed
    from sms_tracker.providers.base import Credentials


class OptOutSource(Protocol):
    """The module ``opt_outs.py`` of a provider. Requests raise ``Misconfigured``, outcomes nothing."""

    def keywords_request(self, number: str, country: str | None, *, credentials: Credentials) -> HttpRequest:
        """The request for the keywords of ``number``, ours, in replies from a ``country`` (ISO 3166)."""
        ...

    def keywords_outcome(self, result: HttpResponse | NoResponse) -> OwnKeywords | LookupFailed:
        """These keywords."""
        ...

    def blocks_request(self, person: str, number: str, *, credentials: Credentials) -> HttpRequest:
        """The request for what blocks messages from ``number`` to ``person`` at the provider."""
        ...

    def blocks_outcome(self, result: HttpResponse | NoResponse) -> frozenset[Kind] | LookupFailed:
        """The kinds of block in force."""
        ...
