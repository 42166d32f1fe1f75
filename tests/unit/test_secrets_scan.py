"""The secret scan still finds what it is for, whatever its baseline lets pass."""

from __future__ import annotations

import base64
import json
import random
import string
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOOK = Path(sys.executable).with_name("detect-secrets-hook")
BASELINE = ROOT / ".secrets.baseline"


def random_text(alphabet: str, length: int) -> str:
    """Made anew each time, so that this file holds nothing that looks like a secret."""
    generator = random.Random(f"{alphabet}{length}")
    return "".join(generator.choices(alphabet, k=length))


HEX = random_text("0123456789abcdef", 32)
MIXED = random_text(string.ascii_letters + string.digits, 25)
JWT = ".".join(
    base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode()
    for part in ('{"alg":"HS256","typ":"JWT"}', '{"iss":"MessageBird","jti":"1"}', HEX)
)


def found(tmp_path: Path, name: str, text: str) -> bool:
    """Whether the hook refuses a file with ``text``."""
    file = tmp_path / name
    file.write_text(text)
    run = subprocess.run([HOOK, "--baseline", BASELINE, file], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert run.returncode in (0, 1), run.stderr
    return run.returncode == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("settings.py", f'TWILIO_AUTH_TOKEN = "{HEX}"'),
        ("settings.py", f'sid = "SK{HEX}"'),
        ("settings.py", f'api_key = "{MIXED}"'),
        ("settings.py", f'key = "smst_{random_text(string.ascii_letters + string.digits + "-_", 43)}"'),
        ("settings.py", f'AWS = "AKIA{random_text(string.ascii_uppercase + string.digits, 16)}"'),
        ("notes.md", f"the token was {JWT}"),
    ],
)
def test_a_secret_that_looks_real_is_found(tmp_path: Path, name: str, text: str) -> None:
    assert found(tmp_path, name, text)


def test_words_that_stand_for_a_secret_pass(tmp_path: Path) -> None:
    assert not found(tmp_path, "settings.py", 'AUTH_TOKEN = "example-auth-token"')


def test_the_baseline_excuses_no_file_but_the_samples_and_no_finding() -> None:
    baseline = json.loads(BASELINE.read_text())
    patterns = [entry["pattern"] for entry in baseline["filters_used"] if entry["path"].endswith("exclude_file")]
    assert patterns == [["^events/"]]
    assert baseline["results"] == {}
