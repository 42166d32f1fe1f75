from __future__ import annotations

import time

import pytest

from sms_tracker.domain.opt_out import DEFAULT_KEYWORDS, Keyword, keyword, looks_like_opt_out, own_keywords


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
