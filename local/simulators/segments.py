"""How many segments a provider counts for a text (GSM 03.38); its own count, to compare the service's with."""

_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ!\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = set("^{}\\[~]|€\f")


def plain(text: str) -> bool:
    """Whether every character is in the GSM alphabet."""
    return set(text) <= _GSM | _ESCAPED


def count(text: str) -> int:
    """160 septets alone or 153 a part; 70 UTF-16 units alone or 67 a part; no character is split."""
    gsm = plain(text)
    single, part = (160, 153) if gsm else (70, 67)
    sizes = [_size(char, gsm=gsm) for char in text]
    if sum(sizes) <= single:
        return 1
    parts, room = 1, part
    for size in sizes:
        if size > room:
            parts, room = parts + 1, part
        room -= size
    return parts


def _size(char: str, *, gsm: bool) -> int:
    return 1 + (char in _ESCAPED) if gsm else len(char.encode("utf-16-le")) // 2
