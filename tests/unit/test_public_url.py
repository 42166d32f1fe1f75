"""The public base URL is checked where it is set, with the rules of the strictest provider, in one sentence."""

from __future__ import annotations

import re

import pytest

from local.process import ROOT, StackError
from local.run import _stack
from local.simulators.twilio.errors import fault
from sms_tracker.aws.settings import base_urls
from sms_tracker.domain.callback import base_url_flaw, callback_url
from sms_tracker.domain.errors import Misconfigured

GOOD = [
    "https://sms.example.com",
    "https://SMS.Example.com",
    "https://sms.example.com:8443/v1_beta",
    "https://a1-b2.eu.ngrok.app",
    "https://abc123.execute-api.eu-west-1.amazonaws.com",
    "https://xn--mnchen-3ya.example",
    "http://127.0.0.1:8080",
]
BAD = {
    **dict.fromkeys(("https://sms_tracker.example.com", "https://my_tunnel.ngrok.app"), "underscore"),
    **dict.fromkeys(("https://sms.example.com/a b", "https://sms .example.com", "https://sms\t.example.com"), "space"),
    "https://münchen.example": "ASCII",
    **dict.fromkeys(("http://sms.example.com", "http://localhost:8080", "ftp://sms.example.com"), "https://"),
    **dict.fromkeys(("sms.example.com", "//sms.example.com"), "https://"),
    **dict.fromkeys(("https://user:secret@sms.example.com", "https://@sms.example.com"), "user name"),
    **dict.fromkeys(("https://sms.example.com?a=b", "https://sms.example.com/?"), "query"),
    "https://sms.example.com#rc=5": "fragment",
    **dict.fromkeys(("https://localhost", "https://-sms.example.com", "https://sms..example.com"), "host of letters"),
    **dict.fromkeys(("https://sms.example.com.", "https://[::1]", "https://", "https:///path"), "host of letters"),
    "https://sms.example.com:0": "port 0",
    **dict.fromkeys(("https://sms.example.com:port", "https://sms.example.com:99999"), "a valid host and port"),
    "https://[": "a valid host and port",
}


@pytest.mark.parametrize("url", GOOD)
def test_a_good_address_has_no_flaw_and_twilio_takes_its_callbacks(url: str) -> None:
    (read,) = base_urls("urls", url)
    callback = callback_url(read, "twilio", "1c8b2a2e-6f0e-5c43-9a3e-0f6f3f6f5a01", 1)
    assert base_url_flaw(url) is None
    assert fault({"To": "+31612345678", "From": "+15557654321", "Body": "Hi", "StatusCallback": callback}) is None


@pytest.mark.parametrize(("url", "word"), BAD.items())
def test_what_is_wrong_with_an_address_is_said_in_one_sentence_without_it(url: str, word: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        base_urls("/stack/public-base-urls", url + ",https://sms.example.com")

    told = str(caught.value)
    assert told.startswith("/stack/public-base-urls holds an address that is not a plain https URL: it must")
    assert word in told
    assert "\n" not in told
    assert url not in told


@pytest.mark.parametrize(("url", "word"), BAD.items())
def test_make_run_refuses_it_before_anything_starts(url: str, word: str) -> None:
    with pytest.raises(StackError, match=r"^PUBLIC_BASE_URL must ") as caught:
        _stack({"PUBLIC_BASE_URL": url})
    assert word in str(caught.value)


@pytest.mark.parametrize("around", ["{}/", " {}\r", '"{}"', "\ufeff{}\n"])
def test_make_run_trims_what_was_pasted_around_it(around: str) -> None:
    stack = _stack({"PUBLIC_BASE_URL": around.format("https://sms.example.com")})
    assert stack._public_base_url == "https://sms.example.com"  # noqa: SLF001 - what it would write


def test_scheme_and_host_are_kept_in_lower_case() -> None:
    assert base_urls("urls", "HTTPS://SMS.Example.com/Path/") == ("https://sms.example.com/Path",)


@pytest.mark.parametrize("url", [url for url in (*GOOD, *BAD) if re.fullmatch(r"https://[^/:]+", url)])
def test_the_templates_domain_name_follows_the_same_rules(url: str) -> None:
    template = (ROOT / "template.yaml").read_text()
    (pattern,) = re.findall(r"^  DomainName:\n(?:    .*\n)*?    AllowedPattern: (.+)$", template, re.MULTILINE)
    host = url.removeprefix("https://")
    assert (re.fullmatch(pattern, host) is not None) == (base_url_flaw(url) is None and host == host.lower())
