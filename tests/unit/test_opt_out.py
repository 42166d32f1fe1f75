"""Opt-outs: which replies are keywords, and which statement about a recipient blocks."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.opt_out import (
    DEFAULT_KEYWORDS,
    Keyword,
    Kind,
    OptOut,
    Statement,
    fold,
    keyword,
    looks_like_opt_out,
    opt_out_scope,
    own_keywords,
)
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import ScopeMode

# -- Keywords ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "meaning"), [(word, meaning) for meaning, words in DEFAULT_KEYWORDS.items() for word in words]
)
def test_each_word_counts_however_it_is_written(word: str, meaning: Keyword) -> None:
    written = (word, word.upper(), word.title(), f"  {word}\n", f"{word}.", f"“{word}”", f'"{word}!!"', f"«{word}»")

    assert [keyword(text) for text in written] == [meaning] * len(written)


@pytest.mark.parametrize(
    "text",
    [
        *["ＳＴＯＰ", "st\u200bop", "STOP\ufe0f", "\u00a0Stop\u00a0", "STOP ❤", "Stop 🛑", "Стоп!", "ﬅop"],
        *["stop  all", "Opt  Out", "OPT-OUT", "opt\u2011out", "Opt – Out", "opt_out", "un-subscribe", "UNSUBSCRİBE"],
        *["ARRÊT", "arrêté", "Arre\u0302t", "Désabonner", "REZYGNUJĘ", "Stop. STOP!", "stop stop stop"],
        *["\u202bإيقاف\u202c", "unsubscr\u0131be", "Qu\u0131t!", "QU\u0130T"],  # Found in jeancroy/fuzz-aldrin-plus#33
        *["baja", "Salir", "SAIR", "stopp", "abmelden", "Afmelden"],
        *["הסר", "退订", "İptal", "IPTAL", "配信停止", "إلغاء"],
    ],
)
def test_nothing_hides_a_stop_in_any_of_its_languages(text: str) -> None:
    assert keyword(text) is Keyword.STOP


@pytest.mark.parametrize(
    "text",
    [
        *["stop by at 5", "STOP PLEASE", "please stop sending", "start your engines", "yes please", "end of story"],
        *["", "!!!", "stopped", "s t o p"],
    ],
)
def test_a_keyword_within_a_text_is_no_keyword(text: str) -> None:
    assert keyword(text) is None


def test_a_letter_that_gsm_lacks_may_be_written_without_its_stroke() -> None:
    # Found in 3GPP TS 23.038
    own = own_keywords([(["Wyłącz"], Keyword.STOP)])

    assert [keyword(text, own) for text in ("WYLACZ", "wyłącz")] == [Keyword.STOP] * 2


def test_the_numbers_own_keywords_come_before_the_table() -> None:
    own = own_keywords([(["BASTA", "Ça suffit"], Keyword.STOP), (["Ja"], Keyword.START), (["YES", "end"], None)])

    texts = ("Basta!", "ca suffit", "ja", "Yes.", "END", "stop")
    assert [keyword(text, own) for text in texts] == [
        *(Keyword.STOP, Keyword.STOP, Keyword.START, None, None, Keyword.STOP)
    ]


def test_the_first_rule_with_a_word_counts_and_a_word_without_letters_never_does() -> None:
    own = own_keywords([(["JOIN", "👍"], None), (["join", "!"], Keyword.START)])

    assert [keyword(text, own) for text in ("join", "👍", "", "??")] == [None] * 4


@pytest.mark.parametrize(
    "text",
    [
        *["please stop sending", "Stop texting me", "I want to unsubscribe now", "take me OFF your list"],
        *["don’t text me", "no more texts!", "opt out please", "Stop. Thank you", "STOP Acme", "wrong number"],
        *["please remove my number", "Quiero dar de baja la suscripción", "não me mande mais"],
        *["ne plus recevoir vos messages", "keine SMS mehr bitte", "не пишите мне"],
        # Found in braze.com "Fuzzy opt-out", docs.ushur.com "SMS Intent Recognition & Opt-Out Feature"
        *("Stpo", "Please stopppp", "unsuscribe me", "unsub", "STOP1", "stopstop", "S.T.O.P.", "🛑", "no 🚫"),
        *("Deja de enviarme mensajes", "cancel my subscription", "No más", "bitte abbestellen"),
        "STOP “Your parcel is here. Reply STOP to end”",
        "“please stop texting me”",
    ],
)
def test_a_wish_to_opt_out_in_free_text_is_flagged(text: str) -> None:
    assert (keyword(text), looks_like_opt_out(text)) == (None, True)


@pytest.mark.parametrize(
    "text",
    [
        # Found in moezbhatti/qksms#1330, quik-sms/quik#533
        "Liked “Your parcel is here. Reply STOP to opt out”",
        'Laughed at "Sale! Text STOP to end"',
        "Removed a heart from “Your code is 1234.\nSTOP to unsubscribe”",
        "Reacted 🔥 to “Reply STOP to end”",
        "👍 to “ Reply STOP to end ”",
        "Gefällt mir: „Ihr Paket ist da. STOP zum Abmelden“",
    ],
)
def test_a_reaction_that_quotes_our_own_text_is_not_flagged(text: str) -> None:
    assert (keyword(text), looks_like_opt_out(text)) == (None, False)


@pytest.mark.parametrize("part", ["“a ", '"a ', "„ a", "« a ", "stop", "no ", "x “", "s t o "])
def test_the_longest_text_is_read_at_once(part: str) -> None:
    begun = time.process_time()
    looks_like_opt_out(part * (64 * 1024 // len(part)))

    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "text", ["STOP", "thanks", "nonstop fun", "it stopped", "cancel my order", "see you at the end", "yes", ""]
)
def test_keywords_and_other_texts_are_not_flagged(text: str) -> None:
    assert not looks_like_opt_out(text)


# -- Statements --------------------------------------------------------------------------------------------------------

NOON = datetime.fromisoformat("2026-01-31T12:00:00+00:00")


def stated(kind: Kind, minutes: int = 0, source: str = "twilio") -> Statement:
    return Statement(kind=kind, at=timestamp(NOON + timedelta(minutes=minutes)), source=source)


def blocking(*statements: Statement, hours: float = 0, transactional: bool = False) -> Kind | None:
    """The kind that blocks, for every order of these statements, each given twice."""
    now = NOON + timedelta(hours=hours)
    found = {fold(2 * order).blocked_by(now, transactional=transactional) for order in permutations(statements)}
    (block,) = found
    return block.kind if block else None


@pytest.mark.parametrize("kind", [Kind.STOP, Kind.STOP_MARKETING, Kind.REFUSED, Kind.ADDED])
def test_a_block_holds_until_its_end_a_lift_ends_every_kind_and_a_start_those_of_the_recipient(kind: Kind) -> None:
    assert OptOut().blocked_by(NOON) is None
    assert blocking(stated(kind)) is kind
    assert blocking(stated(kind), stated(Kind.LIFTED, 1)) is None
    assert blocking(stated(Kind.LIFTED, 1), stated(kind, 2)) is kind
    assert blocking(stated(kind), stated(Kind.START, 1)) is (Kind.ADDED if kind is Kind.ADDED else None)
    assert blocking(stated(Kind.START, 1), stated(kind, 2)) is kind


def test_a_removal_ends_a_manual_block_and_no_stop() -> None:
    assert blocking(stated(Kind.ADDED), stated(Kind.REMOVED, 1)) is None
    assert blocking(stated(Kind.STOP), stated(Kind.ADDED), stated(Kind.REMOVED, 1)) is Kind.STOP


@pytest.mark.parametrize(
    ("block", "end"), [(Kind.STOP, Kind.START), (Kind.ADDED, Kind.REMOVED), (Kind.REFUSED, Kind.START)]
)
def test_of_a_block_and_its_end_at_one_time_the_block_wins(block: Kind, end: Kind) -> None:
    assert blocking(stated(block), stated(end)) is block


def test_a_refusal_blocks_for_a_day() -> None:
    assert blocking(stated(Kind.REFUSED), hours=23.9) is Kind.REFUSED
    assert blocking(stated(Kind.REFUSED), hours=24) is None
    assert blocking(stated(Kind.REFUSED), stated(Kind.STOP), hours=24) is Kind.STOP


def test_a_stop_of_marketing_lets_transactional_messages_through() -> None:
    assert blocking(stated(Kind.STOP_MARKETING), transactional=True) is None
    assert blocking(stated(Kind.STOP_MARKETING), stated(Kind.ADDED), transactional=True) is Kind.ADDED


statements = st.builds(
    stated, st.sampled_from(Kind), st.integers(min_value=0, max_value=4), st.sampled_from(["twilio", "shop"])
)


@given(st.lists(statements, max_size=8), st.data())
def test_every_order_duplication_and_split_ends_alike(given: list[Statement], data: st.DataObject) -> None:
    shuffled = data.draw(
        st.permutations([*given, *data.draw(st.lists(st.sampled_from(given), max_size=5) if given else st.just([]))])
    )
    cut = data.draw(st.integers(min_value=0, max_value=len(shuffled)))

    assert fold(shuffled[cut:], base=fold(shuffled[:cut])) == fold(given)


def test_scopes_separate_what_they_name() -> None:
    about = {"provider": "twilio", "sender": "My Shop", "client": "shop"}

    assert opt_out_scope(ScopeMode.SENDER, **about) == opt_out_scope(
        ScopeMode.SENDER, **{**about, "sender": "MY SHOP", "client": "other"}
    )
    assert opt_out_scope(ScopeMode.SENDER, **about) != opt_out_scope(
        ScopeMode.SENDER, **{**about, "provider": "messagebird"}
    )
    assert opt_out_scope(ScopeMode.CLIENT, **about) == opt_out_scope(
        ScopeMode.CLIENT, **{**about, "provider": "bird", "sender": "x"}
    )
    assert opt_out_scope(ScopeMode.ALL, **about) == opt_out_scope(ScopeMode.ALL, provider="", sender="", client="")
