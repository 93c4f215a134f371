"""Takes personal data out of what leaves the machine: what can be recognised by its form, not names or stories.

Recognised are mail addresses, phone numbers, Chinese identity numbers, bank accounts (IBAN) and payment cards, network
addresses, and in addresses of pages whatever may be a secret. In their place stands a word in brackets.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any, Final

_URL: Final = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,20}://[^\s<>\"'“”‘’「」（）【】，。；、]+", re.IGNORECASE)
_URL_PARTS: Final = re.compile(r"(?P<scheme>[^:]+://)(?P<user>[^/?#]*@)?(?P<rest>[^?#]*)(?P<more>[?#].*)?", re.DOTALL)
_SECRET_PART: Final = re.compile(r"(?<=/)(?=[^/]*\d)[A-Za-z0-9_~.=:-]{20,}(?=/|$)")
# Looked for from the beginning of a word only: from each of its letters, a long word would take for ever.
_NAME: Final = r"A-Za-z0-9À-ɏ._%+'&/=-"
_MAIL: Final = re.compile(rf"(?<![{_NAME}])[{_NAME}]+\s?[@＠]\s?(?:[A-Za-z0-9À-ɏ-]+\.)+[A-Za-zÀ-ɏ]{{2,24}}")
_IBAN: Final = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[A-Za-z0-9]{11,30}|(?:[ -][A-Za-z0-9]{4}){2,7}(?:[ -][A-Za-z0-9]{1,3})?)"
    r"(?![A-Za-z0-9])"
)
_IDENTITY: Final = re.compile(
    r"(?<!\d)[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])"
)
_CARD: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_PHONES: Final = (
    re.compile(r"(?<!\d)(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)"),  # Chinese mobile
    re.compile(r"(?<![\d.])(?:\+|00)[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,5}\)?){2,6}(?!\d)"),  # with the code of a country
    re.compile(r"(?<![\d.-])\(?0\d{1,5}\)?[ /-]{1,3}\d{2,8}(?:[ -]?\d{2,8}){0,3}(?!\d)"),  # with the code of a place
    re.compile(r"(?<!\d)(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?!\d)"),  # North American
)
_IPV4: Final = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)")
_IPV6: Final = re.compile(
    r"(?<![A-Za-z0-9:.])(?=[0-9A-Fa-f]*:)(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![A-Za-z0-9:])"
)
_IBAN_LENGTHS: Final = range(15, 35)


def redacted(text: str) -> str:
    """The same text without them; what is redacted already stays as it is."""
    text = _URL.sub(lambda found: _without_secrets(found.group()), text)
    text = _MAIL.sub("[e-mail]", text)
    text = _IBAN.sub(_without_account, text)
    text = _IDENTITY.sub("[identity]", text)
    text = _CARD.sub(_checked(_is_card, "[card]"), text)
    for phone in _PHONES:
        text = phone.sub("[phone]", text)
    text = _IPV6.sub(_checked(_is_address, "[address]"), text)
    return _IPV4.sub(_checked(_is_address, "[address]"), text)


def redacted_within(value: Any) -> Any:
    """Every text within a JSON value; keys stay."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: redacted_within(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_within(one) for one in value]
    return value


def _checked(is_one: Callable[[str], bool], word: str) -> Callable[[re.Match[str]], str]:
    return lambda found: word if is_one(found.group()) else found.group()


def _without_secrets(url: str) -> str:
    """Who logs in, what is asked for behind the question mark and long random parts of the path are taken out."""
    parts = _URL_PARTS.fullmatch(url)
    if parts is None:
        return url
    more = parts["more"]
    rest = _SECRET_PART.sub("[secret]", parts["rest"])
    return f"{parts['scheme']}{rest}{f'{more[0]}[secret]' if more and len(more) > 1 else more or ''}"


def _without_account(found: re.Match[str]) -> str:
    """Words behind an account in groups of four look like more of it."""
    text, rest = found.group(), ""
    while not _is_iban(text):
        cut = max(text.rfind(" "), text.rfind("-"))
        if cut < 0:
            return found.group()
        text, rest = text[:cut], text[cut:] + rest
    return f"[account]{rest}"


def _is_iban(text: str) -> bool:
    """By its check digits (ISO 13616)."""
    plain = re.sub(r"[ -]", "", text).upper()
    if len(plain) not in _IBAN_LENGTHS or not plain.isascii():
        return False
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    """By its check digit (Luhn)."""
    digits = [int(character) for character in text if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return text not in ("::", "::1", "127.0.0.1", "0.0.0.0")  # noqa: S104 - these name nobody
