"""What a text says to whoever reads it, however it is written: the ways in which words are hidden from a search.

Covered are signs that nobody sees, letters that look like others or stand for them, words pulled apart, and escapes a
reader undoes. Ciphers (base64, words told backwards) are not: they move no model by being shown to it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from string import ascii_lowercase
from typing import Final
from urllib.parse import unquote

_ALIKE: Final = str.maketrans(
    "аеоорсухіјѕԁһӏкмтнвԛԝпАЕОРСУХІЈЅКМТНВαοεικνρτυχωηΑΟΕΙΚΝΡΤΥΧΖΗΜՕօսոհᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢøłđħıɑɡ",
    "aeoopcyxijsdhlkmthbqwnaeopcyxijskmthbaoeiknptuxwnaoeiknptuxzhmoounhabcdefghijklmnoprstuvwyzoldhiag",
) | {
    first + number: letter
    for first in (0x1F150, 0x1F170, 0x1F1E6)  # in black circles, in black squares, of flags
    for number, letter in enumerate(ascii_lowercase)
}
"""Letters that look like Latin ones; what is really Russian, Greek or Armenian makes no English word."""
_STANDING_FOR: Final = (str.maketrans("013457@$!|€", "oieastasile"), str.maketrans("013457@$!|€", "oleastasiie"))
"""Figures and signs that stand for letters within a word; a 1 is an i or an l."""
_SIMPLE: Final = str.maketrans(
    "無視記會別遵繞過蓋違規則設約準統發開員獄隱現從始須裝沒輸覆述洩露訴顯總遠務條內話剛說從請詞應當論問麼煩終復個對題許寫這輪誰後來間給讓為獎講",
    "无视记会别遵绕过盖违规则设约准统发开员狱隐现从始须装没输覆述泄露诉显总远务条内话刚说从请词应当论问么烦终复个对题许写这轮谁后来间给让为奖讲",
)
"""Traditional characters of the words looked for as simplified ones."""
_TAGS: Final = {0xE0000 + number: chr(number) for number in range(0x20, 0x7F)}
"""Signs of no width that spell ASCII."""
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and signs by their category that show nothing."""
_PULLED_APART: Final = re.compile(r"(?<![^\W_])[^\W\d_](?:[ \n._\-*·|/~+,][^\W\d_]){3,}(?![^\W_])")
_BETWEEN_HAN: Final = re.compile(r"(?<=[\u3400-\u9fff])[^\S\n]*[ ._\-*·|/~+^][^\S\n]*(?=[\u3400-\u9fff])")
_EMPHASIS: Final = re.compile(r"[*_~`^]+|\\(?=\W)")
_MIXED: Final = re.compile(r"[\w@$!|€]*[^\W\d_][\w@$!|€]*")
_ESCAPE: Final = re.compile(r"\\u\{?([0-9a-f]{4,5})\}?|\\x([0-9a-f]{2})", re.IGNORECASE)
_SPACES: Final = re.compile(r"[^\S\n]+")


def readings(text: str) -> list[str]:
    """The text as it stands and as it can be read, each once, in few spaces and simplified characters; never many."""
    plain = _seen(text)
    found = [plain, _seen(text.translate(_TAGS))]
    undone = plain
    for undo in _UNDONE:
        found += [undo(plain), undone := undo(undone)]
    for letters in _STANDING_FOR:
        found += [_spelled(plain, letters), _spelled(undone, letters)]
    return list(dict.fromkeys(_SPACES.sub(" ", one).translate(_SIMPLE) for one in found))


def _seen(text: str) -> str:
    """Without what shows nothing, and each letter in its plain form."""
    return "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text)
        if letter not in _FILLERS and unicodedata.category(letter) not in {"Cf", "Mn", "Me"}
    )


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_letter, _seen(html.unescape(unquote(text))))


def _letter(escape: re.Match[str]) -> str:
    return chr(int(escape[1] or escape[2], 16))


def _like_latin(text: str) -> str:
    return text.translate(_ALIKE)


def _unmarked(text: str) -> str:
    return _EMPHASIS.sub("", text)


def _together(text: str) -> str:
    joined = _PULLED_APART.sub(lambda run: "".join(letter for letter in run[0] if letter.isalpha()), text)
    return _BETWEEN_HAN.sub("", joined)


def _spelled(text: str, letters: dict[int, int]) -> str:
    return _MIXED.sub(lambda word: word[0].translate(letters), text)


_UNDONE: Final[tuple[Callable[[str], str], ...]] = (_unescaped, _like_latin, _unmarked, _together)
