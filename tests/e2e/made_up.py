"""A week of made-up messages, answered to Chromium by the real readers over memory: the page without a stack.

Run as a module it draws ``docs/page.png``.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from playwright.sync_api import Browser, Page, Route

from local.process import ROOT
from sms_tracker import providers
from sms_tracker.domain.cost import Price
from sms_tracker.domain.hourly_stats import HOUR, HourlyStats, Tally, hour_of
from sms_tracker.domain.http import Caller
from sms_tracker.domain.opt_out import Kind
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import Report, Source, timestamp
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.domain.state import initial_state
from sms_tracker.read.list_query import parameters
from sms_tracker.read.messages import MessageReader
from sms_tracker.read.stats import StatsReader
from sms_tracker.read.web_files import INDEX, Document, WebFiles
from sms_tracker.services.opt_out_api import OptOutApi
from sms_tracker.services.opt_outs import OptOutRegister
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.timeline import delivered_at
from sms_tracker.services.track import track
from tests.e2e import browser as chromium
from tests.factories import record
from tests.fakes import START, FakeClock, MemoryMessages
from tests.memory_search import MemorySearch
from tests.memory_statistics import MemoryStatistics
from tests.opt_outs import MemoryOptOuts

URL = "http://localhost:9"
NOW = START + timedelta(minutes=40)
KEYS = {"smst_shop": Caller("shop", frozenset({"read"})), "smst_admin": Caller("operator", frozenset({"admin"}))}
_FOLDERS = [ROOT / "functions" / "query" / name for name in ("page", "docs")]
_FILES = WebFiles({file.name: file.read_text("utf-8") for folder in _FOLDERS for file in folder.iterdir()})
_FAILURES: dict[str, list[tuple[str, str | None]]] = {
    "twilio": [("undelivered", "30003"), ("undelivered", "30005"), ("undelivered", "30007"), ("failed", "30004")],
    "messagebird": [("delivery_failed", "1"), ("expired", None)],
    "bird": [("undelivered", None), ("rejected", None)],
}


class MadeUp:
    """The service's read routes over a week of messages. The outage: from 08:00 a third of Twilio's messages fail."""

    def __init__(self) -> None:
        self.messages = MemoryMessages()
        dice = random.Random(42)
        for number in range(1400):
            self._message(dice, number)
        records = list(self.messages.records.values())
        clock, search = FakeClock(NOW), MemorySearch(records)
        british = frozenset({"GB"})
        self.reader = MessageReader(
            messages=self.messages, search=search, clock=clock, countries=british, mode=ScopeMode.SENDER
        )
        self.opt_outs = MemoryOptOuts()
        register = OptOutRegister(opt_outs=self.opt_outs, clock=clock)
        self.opt_out_api = OptOutApi(register=register, clock=clock, mode=ScopeMode.SENDER, countries=british)
        self.stats = StatsReader(statistics=_counted(records), clock=clock)

    def _message(self, dice: random.Random, number: int) -> None:
        created = NOW - timedelta(hours=7 * 24 * dice.random() ** 2)
        provider = dice.choices(["twilio", "messagebird", "bird"], [6, 3, 2])[0]
        at = timestamp(created)
        sent = record(
            message_id=str(UUID(int=dice.getrandbits(128), version=4)),
            state=initial_state(attempt=1, at=at, provider=provider),
            client=dice.choices(["shop", "billing", "alerts"], [5, 3, 1])[0],
            to=f"+447700900{dice.randrange(1000):03}",  # reserved for fiction by Ofcom
            reference=f"order-{8000 + number}",
            created_at=at,
            updated_at=at,
        )
        self.messages.put(sent)
        for report in _reports(dice, provider, created):
            if datetime.fromisoformat(report.received) <= NOW:
                track(self.messages, sent.message_id, [report], now=report.received)

    def of(self, status: str) -> Record:
        """The newest message of client shop with this status."""
        records = [each for each in self.messages.records.values() if each.client == "shop"]
        return max((each for each in records if each.state.status == status), key=lambda each: each.created_at)

    def serve(self, page: Page) -> None:
        """Answer every request of ``page`` at ``URL``, whose clock stands at ``NOW``."""
        page.clock.set_fixed_time(NOW)
        page.route(f"{URL}/**", self._answer)

    def _answer(self, route: Route) -> None:
        address, key = urlsplit(route.request.url), route.request.headers.get("authorization", "")[7:]
        answer: Document | ApiResponse
        if not address.path.startswith(("/messages", "/stats", "/opt-outs")):
            answer = _FILES.file({"/": INDEX, "/docs": "docs.html"}.get(address.path, address.path.rpartition("/")[2]))
        elif key not in KEYS:
            return route.fulfill(status=401, json={"message": "Unauthorized"})
        else:
            answer = self._read(KEYS[key], address.path, address.query)
        body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        return route.fulfill(status=answer.status, body=body, headers=dict(answer.headers))

    def _read(self, caller: Caller, path: str, query: str) -> ApiResponse:
        if path == "/stats":
            return self.stats.answer(caller, parameters(query))
        if path == "/opt-outs":
            return self.opt_out_api.read(caller, parameters(query))
        if path == "/messages":
            return self.reader.many(caller, parameters(query))
        return self.reader.one(caller, path.rpartition("/")[2])

    def block(self, message: Record, kind: Kind) -> None:
        """State an opt-out of the message's recipient from its sender."""
        self.opt_outs.state(kind, sender=message.sender, provider=message.state.provider, number=message.to)


def _reports(dice: random.Random, provider: str, created: datetime) -> Iterator[Report]:
    """The answer, then callbacks: a delivery in seconds, or a failure; few corrected."""
    ids = f"SM{dice.getrandbits(128):032x}" if provider == "twilio" else f"{dice.getrandbits(128):032x}"
    at = created

    def next_report(word: str, seconds: float, code: str | None = None, source: Source = Source.CALLBACK) -> Report:
        nonlocal at
        at += timedelta(seconds=seconds)
        status, failure = providers.load(provider).meaning(word, code, None)
        return Report(
            provider=provider, word=word, status=status, failure=failure, code=code, source=source,
            received=timestamp(at), provider_message_id=ids,
            price=None if provider == "twilio" else Price("0.0679", "EUR"), segments=1,
        )  # fmt: skip

    yield next_report("queued" if provider == "twilio" else "accepted", 0.2, source=Source.ANSWER)
    yield next_report("sent", 0.4 + dice.random())
    outage = provider == "twilio" and created > NOW - timedelta(hours=4)
    fate = dice.random()
    if fate < (0.35 if outage else 0.06):
        failures = _FAILURES[provider]
        word, code = failures[0] if outage else dice.choice(failures)
        yield next_report(word, 3 + 30 * dice.random(), code)
    if fate < 0.02 or fate > (0.35 if outage else 0.06):
        yield next_report("delivered", dice.lognormvariate(2.6 if outage else 1.4, 0.9))


def _counted(records: list[Record]) -> MemoryStatistics:
    """The hourly statistics of the records, as the reconciler counts them."""
    hours: dict[str, dict[tuple[str, str], Tally]] = {}
    for each in records:
        hour = timestamp(hour_of(datetime.fromisoformat(each.created_at)))
        tally = hours.setdefault(hour, {}).setdefault((each.state.provider, each.client), Tally())
        tally.count(each, delivered_at(each), country="GB")
    store = MemoryStatistics()
    for hour, sums in hours.items():
        store.put(HourlyStats(hour=hour, computed_at=timestamp(NOW - HOUR / 12), final=False, sums=sums))
    return store


def picture(browser: Browser, target: Path) -> None:
    """Draw the statistics with their outage."""
    with chromium.visit(browser, URL, size=(1000, 910)) as visitor:
        MadeUp().serve(visitor.page)
        visitor.arrive("#/statistics")
        visitor.unlock("smst_admin")
        visitor.page.get_by_role("table").first.wait_for()
        visitor.page.screenshot(path=target, clip={"x": 0, "y": 0, "width": 1000, "height": 910})


if __name__ == "__main__":
    with chromium.started() as running:
        picture(running, ROOT / "docs" / "page.png")
