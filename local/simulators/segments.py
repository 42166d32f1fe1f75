"""A provider's count of segments in a text (GSM 03.38), independent of the service's."""

_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ!\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = set("^{}\\[~]|€\f")


def plain(text: str) -> bool:
    """Whether every character is in the GSM alphabet."""
    return set(text) <= _GSM | _ESCAPED


def count(text: str) -> int:
    """One segment up to 160 septets or 70 UTF-16 units, else parts of 153 or 67; no character is split."""
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
