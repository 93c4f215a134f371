"""Takes personal data out of what leaves the machine: what can be told by its form, not names or stories.

What goes: mail addresses, keys of known make, tokens and passwords that a word announces, what is asked for in links,
phone and identity numbers, number plates, accounts (IBAN), cards, network addresses, and where a house stands (in
Chinese, or a number and a named street in English). In its place stands a word in brackets. The line is drawn so:

- A number goes if nothing else is written that way (a leading zero, a plus sign, the groups of a card) or if a check
  holds: the digit of a card or an account, the birthday in an identity number. Otherwise a word has to stand beside it,
  as with passports, short numbers and ten bare digits (unless they are a whole line): those are counts more often.
- A password goes if a word announces it and it has a digit or a sign within. Letters alone would be any word ("the
  password is stored"); calls, names of constants and of methods (base64) are code.
- The name somebody goes by elsewhere goes if the place (WeChat, QQ, Telegram) stands before it.
- Dates, decimals, ISBNs, UUIDs, digests and what is called a version stay, and so do four digits with dots between
  them, which are a heading more often than a machine. Addresses that name nobody (::1) stay too.
- Passports and accounts without a word, unknown keys without one, streets without a house and the plates and identity
  numbers of most countries stay: nothing in their form tells them.
"""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final

from assistant.learning.redaction_sight import HAN, KNOWN, looked_at

Span = tuple[int, int, str | None]
"""Where something begins and ends, and the word for it; None keeps it from being taken for anything else."""
Finder = Callable[[str], Iterator[Span]]
Part = Callable[[re.Match[str]], tuple[int, int] | None]
"""Which part of what a pattern found is meant, if any."""

_HEX: Final = "[0-9A-Fa-f]"
_GAPS: Final = str.maketrans("", "", " .-")
_FREE: Final = rf"(?<![0-9{KNOWN}])"
_FIRST: Final = rf"{_FREE}(?<![0-9{KNOWN}][.-])"
_NO_DECIMAL: Final = rf"{_FREE}(?<![0-9{KNOWN}]\.)"
_END: Final = rf"(?![0-9{KNOWN}])"


def redacted(text: str, looks: int = 4) -> str:
    """The same text without them; what is redacted already stays as it is, and so does all that stands around."""
    seen, starts, ends = looked_at(text)
    found: list[Span] = []
    for finder in _FINDERS:
        spans = list(finder(seen))
        # What is taken out of a link leaves no word behind, so it must not hide the host that follows it.
        seen = _joined(
            seen, [(start, end, ("/" if word == "" else KNOWN) * (end - start)) for start, end, word in spans]
        )
        found += spans
    told = sorted((start, -end, word) for start, end, word in found if word is not None)
    text = _joined(text, [(starts[start], ends[-end - 1], word) for start, end, word in told])
    # What hid something from the first look may have gone with it.
    return redacted(text, looks - 1) if told and looks > 1 else text


def redacted_within(value: Any) -> Any:
    """Every text within a JSON value; keys stay."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: redacted_within(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_within(one) for one in value]
    return value


def _joined(text: str, spans: Iterable[tuple[int, int, str]]) -> str:
    """The text with other words in some places; of two that overlap, the one that begins first."""
    parts: list[str] = []
    place = 0
    for start, end, word in spans:
        if start >= place:
            parts += [text[place:start], word]
            place = end
    return "".join([*parts, text[place:]])


def _whole(found: re.Match[str]) -> tuple[int, int]:
    return found.span("it") if "it" in found.re.groupindex else found.span()


def _if(is_one: Callable[[re.Match[str]], bool]) -> Part:
    return lambda found: _whole(found) if is_one(found) else None


def _longest(is_one: Callable[[str], bool]) -> Part:
    """Words and numbers behind groups of four look like more of them."""

    def part(found: re.Match[str]) -> tuple[int, int] | None:
        ends = [gap.start() for gap in re.finditer(r"[ .-]+|$", found.group())]
        end = next((end for end in reversed(ends) if is_one(found.group()[:end].translate(_GAPS))), None)
        return None if end is None else (found.start(), found.start() + end)

    return part


def _finder(word: str | None, pattern: str, part: Part = _whole) -> Finder:
    looked_for = re.compile(pattern, re.ASCII)

    def find(seen: str) -> Iterator[Span]:
        place = 0
        while found := looked_for.search(seen, place):
            span = part(found)
            if span:
                yield max(span[0], place), span[1], word
            place = span[1] if span else found.start() + 1

    return find


_IN_LINK: Final = r"[^\s<>\"'“”‘’「」（）【】，。；、\ue000]"
_PATH: Final = rf"(?P<path>/(?:(?![?#]){_IN_LINK})*)?"
_LINK: Final = re.compile(
    rf"(?i)(?<![a-z0-9{KNOWN}+.-])[a-z][a-z0-9+.-]{{1,20}}://(?P<user>(?:(?![/?#]){_IN_LINK})*@)?(?:(?![/?#]){_IN_LINK})*"
    rf"{_PATH}(?P<more>[?#]{_IN_LINK}*)?"
)
# A condition in code has a host and a question mark too, but no path.
_BARE_LINK: Final = re.compile(
    rf"(?i)(?<![a-z0-9{KNOWN}_@./-])(?P<user>)(?:www\.(?:[a-z0-9-]{{1,63}}\.){{1,8}}[a-z]{{2,24}}"
    r"|(?:localhost|(?:[a-z0-9-]{1,63}\.){1,8}[a-z0-9]{2,24})(?=/|:[0-9]{2,5}[/?]))(?::[0-9]{2,5})?"
    rf"{_PATH}(?P<more>[?#][a-z0-9_.-]{{1,60}}={_IN_LINK}*)?"
)
_SECRET_PART: Final = re.compile(r"(?<=/)(?=[^/]*[0-9])[A-Za-z0-9_~.=:-]{20,}(?=/|$)")


def _in_links(link: re.Pattern[str], seen: str) -> Iterator[Span]:
    """Who logs in, long random parts of the path and what is asked for behind the question mark."""
    for found in link.finditer(seen):
        if found["user"]:
            yield *found.span("user"), ""
        if found["path"] and (link is _LINK or found.group().startswith("www.")):
            yield from ((*part.span(), "[secret]") for part in _SECRET_PART.finditer(seen, *found.span("path")))
        if found["more"] and len(found["more"]) > 1:
            yield found.start("more") + 1, found.end("more"), "[secret]"


_LOGINS: Final = (
    r"pass(?:wor[dt]|wd|phrase|code)s?|(?<![A-Za-z\ue000])(?:pwd?|pin|otp)|(?<=_)pass"
    r"|(?:verification|security|one-time) code|密[码碼]|口令|验证码|校验码|动态码"
)
_KEYS: Final = (
    r"(?:api|access|account|secret|private|client|auth|encryption|signing|license|master)[ _-]?(?:key|secret|token)"
    r"(?:[ _-]id)?|token|secret|session_?id|密[钥鑰]|私[钥鑰]|令牌"
)
_SAYS: Final = (
    r"(?:\\?[\"'`]?(?:\s?[(（][^()（）\n\ue000]{1,20}[)）])?(?:\s(?:for|of|on)(?:\s[\w.'-]{1,20}){1,4}?)?\s{0,3}"
    r"(?::=|=>|->|[:=：]|['’]s(?=\s)|(?:is|was|to|are)(?=[\s:])\s?:?|>(?=[^<\s]{1,200}</)"
    r"|(?:还|就|仍|应该|已经?|都|也|统一|默认|暂时|一直)?(?:是|为|[设設][为為成]|设置为|[改换][成为]了?)[:：]?)|)\s{0,3}\\?"
)
_VALUE: Final = (
    rf"(?:[\"'`“‘「](?P<quoted>[^\"'`“”‘’「」\n\\{KNOWN}]{{4,128}})\\?[\"'`”’」]"
    r"|(?P<plain>(?![=:>$({%*@\[])(?:(?![,;&|][\w-]{1,30}[=:])[!#-&(-;=?-_a-~]){4,500}+(?!\ue000)))"
)
# Calls, names of constants and of methods, lengths, dates, versions, and what hides a password already.
_NO_SECRET: Final = re.compile(
    r"(?ai)[a-z_][\w.]*[(\[{]|(?-i:[A-Z]+(?:_[A-Z0-9]+)+$)|[$%]\{"
    r"|(?:u?int|float|md|sha|utf|base|aes|rsa|scrypt|argon|pbkdf|oauth|wpa|http)[_-]?[0-9]{1,4}(?:[_-][a-z-]+)?$"
    r"|[0-9]{1,4}[ -]?(?:bit|byte|char|digit|letter|fa\b|st\b|nd\b|rd\b|th\b)|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]"
    r"|[0-9]{1,2}:[0-9]{2}|v?[0-9]+(?:[.,-][0-9]+)+%?$|[0-9.]+%$|[*x.#_-]+$"
)
_COUNTED: Final = re.compile(r"\s?(?:[年月日个位次元岁分秒天章条种人万]|char|digit|letter|byte|bit|time|user|people)")


def _announced(is_secret: Callable[[str, bool], bool], found: re.Match[str]) -> tuple[int, int] | None:
    """A space alone announces something only behind an option of a command, or in Chinese, where nothing has to."""
    start, end = found.span("quoted") if found["quoted"] else found.span("plain")
    value = found.string[start:end] if found["quoted"] else found["plain"].rstrip(".,:;?)]}\\")
    bare = not found["says"].strip("\"'`\\ \n")
    option = found["says"] and re.search(r"(?:^|\s)--[\w-]*$", found.string[max(0, found.start() - 24) : found.start()])
    if bare and found["label"].isascii() and not option:
        return None
    counted = value.isdigit() and _COUNTED.match(found.string, start + len(value))
    ordinary = counted or value.count(" ") > 1 or _NO_SECRET.match(value)
    return (start, start + len(value)) if is_secret(value, bare) and not ordinary else None


def _is_password(text: str, bare: bool) -> bool:
    if any(character.isdigit() for character in text):
        return len(text) >= (4 if text.isdigit() and not bare else 6)
    return not bare and re.search(r"[A-Za-z][@#$%^&*!+]+[A-Za-z]", text) is not None


def _is_token(text: str, _bare: bool) -> bool:
    """Stricter than with a password: what a parser reads and a model counts are tokens as well."""
    name = " " in text or re.fullmatch(r"[a-z_]\w*(?:\.[a-z_]\w*)+", text, re.IGNORECASE)
    figures = sum(character.isdigit() for character in text) + 2 * (len(text) >= 20 and text.lower() != text)
    return not name and len(text) >= 12 and figures >= 2 and not text.isdigit()


# Looked for from the beginning of a word only: from each of its letters, a long word would take for ever.
_NAME: Final = r"A-Za-z0-9À-ɏ._%+'&/=-"
_CHINESE_ENDS: Final = "中国|中國|公司|网络|網絡|网址|网店|网站|中文网|在线|商城|集团|政务|公益|香港|台湾|台灣|新加坡"
_DAY: Final = r"(?:0[1-9]|1[0-2])[ -]?(?:0[1-9]|[12][0-9]|3[01])"
_FIGURE_OF: Final = str.maketrans({letter: str(int(letter, 36)) for letter in string.ascii_letters})
_ISSUED: Final = r"4(?:\d{12}|\d{15}|\d{18})|(?:5\d|2[2-7]|35)\d{14}|6\d{15,18}|9558\d{15}|3[47]\d{13}|3[0689]\d{12}"


def _is_iban(text: str) -> bool:
    """By its check digits (ISO 13616)."""
    return 15 <= len(text) <= 34 and int((text[4:] + text[:4]).translate(_FIGURE_OF)) % 97 == 1


def _is_card(text: str) -> bool:
    """By who issued it and its check digit (Luhn)."""
    doubled = [int(d) * 2 - 9 * (d > "4") if place % 2 else int(d) for place, d in enumerate(reversed(text))]
    return re.fullmatch(_ISSUED, text) is not None and sum(doubled) % 10 == 0


def _is_identity(found: re.Match[str]) -> bool:
    """By its check digit (GB 11643) where it may be several numbers beside each other."""
    text = found.group().translate(_GAPS).upper()
    rest = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(text[:17])) % 11
    return text == found.group().upper() or text[17] == "10X98765432"[rest]


# What stands before a place in a sentence, none of which begins the name of one.
_IN_PLACE: Final = rf"(?![在住到是的了我你他她它们址寄送给去往说为位]|(?<=位)于)[{HAN}]"
_PLACE: Final = re.compile(rf"(?:{_IN_PLACE}){{1,24}}\Z")
_PROVINCES: Final = (
    "北京|上海|天津|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海"
    "|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_REGION: Final = re.compile(rf"{_PROVINCES}|(?:(?!{_PROVINCES})[{HAN}]){{2,3}}[省市区區县縣州盟旗镇鎮乡鄉]")
_ESTATE: Final = "(?:小区|花园|公寓|大厦|家园|广场|新村)"
_FIGURES: Final = r"(?:[0-9]{1,5}(?:-[0-9]{1,4})?|[一二三四五六七八九十百零〇]{1,5})"
_UNITS: Final = (
    r"(?:[ ,，-]?(?:[A-Za-z]?[0-9]{1,5}[A-Za-z]?|[A-Za-z]|[一二三四五六七八九十甲乙丙丁东南西北]{1,3})"
    r"(?:[号號][楼樓院]?|[弄栋幢座塔室房户层楼樓]|单元|單元)){0,6}(?:-?[0-9]{3,4}(?![0-9年月日元米次个%.]))?"
)


def _from_region(found: re.Match[str]) -> tuple[int, int] | None:
    """With what stands before it: the region, or the name of the road alone. 道 is often no road (知道)."""
    before = _PLACE.search(found.string, max(0, found.start() - 24), found.start())
    region = before and _REGION.search(before.group())
    name = min(len(before.group()), 4) if before and found["road"] else 0
    start = before.start() + region.start() if before and region else found.start() - name
    named = found.start() - start >= 2 and (region or found["road"] != "道")
    return (start, found.end()) if named or not found["road"] else None


_ASKED: Final = re.compile(
    r"(?i)(?:电话|手机|座机|传真|热线|联系方式|(?<![a-z\ue000])(?:tel|telephone|phone|mobile|cell|fax|whatsapp))"
    r"(?:号码?|是|为|number|no\.|is|['’]s|[:：.\s(（]){0,8}$"
)
_CALLED: Final = re.compile(
    r"(?i)(?:(?:^|\n)[^\w#$¥€£\ue000]{0,5}(?P<alone>)|(?:(?<![\w\ue000])(?:call|text|ring|dial|reach|contact)\b"
    r"|(?<![\w\ue000])(?:my|our|your|his|her|their) (?:\w+ )?number|号码|联系|致电|拨)[^0-9\n\ue000]{0,20})$"
)
_LINE_ENDS: Final = re.compile(r"[^\w\ue000]{0,5}(?:\n|$)")
_VERSION: Final = re.compile(
    r"(?i)(?:\bv|ver(?:sions?)?|release|build|section|chapter|版本号?|第|§|[=~<>!]=|[a-z)\]][-/_])[:：是为\s.]{0,3}$"
)


def _is_counted(digits: str) -> bool:
    """A row of bits, of all digits, a round number or a book (ISBN-10)."""
    book = len(digits) == 10 and sum((10 - place) * int(digit) for place, digit in enumerate(digits)) % 11 == 0
    return book or set(digits) <= set("01") or digits in "01234567890123 09876543210" or digits.endswith("00000")


def _is_phone(found: re.Match[str]) -> bool:
    digits = re.sub(r"\D", "", found.group())
    decimal = re.fullmatch(r"\+?[0-9]+\.[0-9]+", found.group())
    return len(digits) >= 9 - ("+" in found.group()) and not decimal and not _is_counted(digits)


def _is_called(found: re.Match[str]) -> bool:
    before = found.string[max(0, found.start() - 40) : found.start()]
    if _ASKED.search(before):
        return True
    called = _CALLED.search(before)
    if called is None or (called["alone"] is not None and not _LINE_ENDS.match(found.string, found.end())):
        return False
    digits = found.group().replace("-", "")
    if not re.fullmatch(r"[2-9]\d\d[2-9]\d{6}", digits):
        dated = re.fullmatch(rf"(?:19|20)\d\d{_DAY}|(?:(?:1\d|20)\d\d){{2}}", digits)
        counted = dated or _is_counted(digits) or _COUNTED.match(found.string, found.end())
        return called["alone"] is None and not counted
    # The largest number of something in a program is a power of two, or one less.
    number = int(digits)
    return number & (number - 1) != 0 and number & (number + 1) != 0


def _is_address(found: re.Match[str]) -> bool:
    """Not one that names nobody, a version, a ratio or a part of a list (x[1::2])."""
    text = found.group()
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 6:
        return len(text.replace(":", "")) >= 5 and re.search(r"[0-9].*[^:]{3}|[^:]{3}.*[0-9]", text) is not None
    said = _VERSION.search(found.string[max(0, found.start() - 16) : found.start()])
    return said is None and len(text) > 7 and not (address.is_loopback or address.is_multicast or address.is_reserved)


# First what may hold other things within, last what needs least to be taken for something.
_FINDERS: Final[tuple[Finder, ...]] = (
    _finder("[secret]", r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:[^-]|-(?!----))*+-----END [A-Z0-9 ]{1,50}-----|(?:(?:\s|\\[nr]){1,4}[A-Za-z0-9+/=]{16,})*+)"),
    partial(_in_links, _LINK),
    partial(_in_links, _BARE_LINK),
    _finder("[secret]", rf"(?<![\w{KNOWN}-])(?:sk-(?:proj|ant|or|svcacct|admin)-[\w-]{{16,}}"
        r"|sk-(?=[A-Za-z_-]{0,64}\d)[\w-]{20,}|xox[a-z]-[\w-]{10,}|AIza[\w-]{35}|(?:eyJ|SG\.)[\w-]{8,}(?:\.[\w-]{4,}){1,4}"
        r"|(?:gh[pousr]_|hf_|npm_|gsk_|xai-|dop_v1_|[sprw]k_(?:live|test)_)[A-Za-z0-9]{20,}"
        r"|(?:github_pat_|glpat-|pypi-|tvly-|ya29\.)[\w-]{20,}"
        r"|(?:(?:AKIA|ASIA)[0-9A-Z]{16}|LTAI[A-Za-z0-9]{12,26}|AKID[A-Za-z0-9]{32})(?![\w\ue000]))"),
    _finder("[secret]", rf"{_FREE}\d{{6,12}}:[A-Za-z0-9_-]{{30,64}}(?![\w{KNOWN}-])"),
    _finder("[secret]", r"(?i:authorization[\"']?\s{0,3}[:=：]\s{0,3}[\"']?(?:bearer|basic|token))\s{1,3}"
        r"(?P<it>(?=\S{0,80}(?:\d|[a-z][A-Z]))[\w.~+/=-]{6,})"),
    _finder("[secret]", r"(?<![\w\ue000])(?i:bearer)\s{1,3}(?P<it>(?=\S{0,80}\d)[\w.~+/=-]{16,})"),
    _finder("[secret]", rf"(?i:(?P<label>{_LOGINS})(?P<says>{_SAYS})){_VALUE}", partial(_announced, _is_password)),
    _finder("[secret]", rf"(?i:(?P<label>{_KEYS})(?P<says>{_SAYS})){_VALUE}", partial(_announced, _is_token)),
    _finder("[e-mail]", rf"(?:(?<![{KNOWN}{_NAME}])[{_NAME}]+|[{HAN}]{{1,4}})"
        rf"(?:@|\s?@\s?(?=[^\s@]{{1,80}}\.(?:com|net|org|edu|gov|io|cn|hk|tw|jp|de|fr|uk|eu|{_CHINESE_ENDS})(?![A-Za-z_])))"
        rf"(?:(?:[A-Za-z0-9À-ɏ-]+|[{HAN}][{HAN}0-9-]*)\.)+(?:[A-Za-zÀ-ɏ]{{2,24}}|{_CHINESE_ENDS})"),
    _finder(None, rf"(?<!\w){_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?!\w)"),
    _finder(None, rf"(?<!\w)(?=\d{{0,128}}[A-Fa-fx])(?:0x{_HEX}{{8,}}|{_HEX}{{32,128}})(?!\w)"),
    _finder(None, r"(?i:ISBN)(?:-1[03])?[:： ]{0,2}\d[0-9 -]{7,15}[0-9Xx]"),
    _finder("[account]", rf"(?<![A-Za-z0-9{KNOWN}])[A-Za-z]{{2}}\d{{2}}(?:[A-Za-z0-9]{{11,30}}"
        r"|(?:[ -][A-Za-z0-9]{4}){2,7}(?:[ -][A-Za-z0-9]{1,3})?)(?![A-Za-z0-9\ue000])", _longest(_is_iban)),
    _finder("[identity]", r"(?i:(?:passport|(?<![a-z\ue000])(?:ssn|social security|id card|identity card|tax id)|"
        r"driver'?s? licen[cs]e|national insurance|护照|身份证|证件|通行证|驾驶证|驾照|社保)"
        r"(?:\s?(?:号码?|编号|number|no\.?|num|card|#|is|was|是|为|[:：(（])){0,5}\s?"
        rf"(?P<it>[A-Z]{{0,2}}\d(?:[ -]?\d){{5,17}}[A-Z]?(?:[(（][0-9A][)）])?)(?![a-z0-9{KNOWN}]))"),
    _finder("[identity]", rf"{_NO_DECIMAL}[1-9]\d{{3}}[ -]?\d{{2}}[ -]?(?:18|19|20)[ -]?\d{{2}}{_DAY}"
        rf"[ -]?\d{{2}}[ -]?\d(?:[Xx]|\d{_END})", _if(_is_identity)),
    _finder("[identity]", rf"{_NO_DECIMAL}(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])\d{{4}}[ -]?"
        rf"\d{{2}}{_DAY}[ -]?\d{{3}}{_END}"),
    _finder("[identity]", rf"{_FIRST}(?!000|666|9)\d{{3}}-(?!00)\d{{2}}-(?!0000)\d{{4}}(?!-){_END}"),
    _finder("[account]", rf"(?:微信号?|(?i:(?<![a-z{KNOWN}])(?:wechat|weixin|wx|vx)(?: ?id)?(?=\s?(?:[:：是为]|is ))))"
        r"(?:[号是为:：\s]|is |(?i:id)){0,4}(?P<it>(?=[A-Za-z_-]*[0-9])[A-Za-z][A-Za-z0-9_-]{5,19})(?![\w\ue000])"),
    _finder("[account]", rf"(?<![A-Za-z0-9{KNOWN}])(?i:QQ)(?:[号码群是为:：\s]|is |number ){{0,4}}"
        rf"(?P<it>[1-9]\d{{4,11}})(?![\w{KNOWN}])"),
    _finder("[account]", rf"(?i:电报|微博|推特|(?<![a-z{KNOWN}])(?:telegram|tg|twitter|instagram))"
        rf"(?:[号是为:：\s(（]|账号|用户名|is |(?i:handle|username|id)){{0,5}}(?P<it>@[A-Za-z][A-Za-z0-9_.]{{3,31}})"),
    _finder("[plate]", r"(?<![最更新里讯华国])[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
        r"(?=(?:\D{0,4}\d){3})[A-HJ-NP-Z][ ·•・.-]?[A-HJ-NP-Z0-9]{4}(?:[A-HJ-NP-Z0-9]{1,2}|[挂学警港澳])"
        rf"(?![A-Za-z0-9{KNOWN}])"),
    _finder("[card]", rf"{_NO_DECIMAL}(?:\d{{13,19}}|\d{{4}}(?:[ .-]{{1,3}}\d{{4}}){{3}}(?:[ .-]{{1,3}}\d{{1,3}})?"
        rf"|\d{{4}}[ .-]{{1,3}}\d{{6}}[ .-]{{1,3}}\d{{4,5}}|\d{{6}}[ .-]{{1,3}}\d{{7,13}}){_END}", _longest(_is_card)),
    _finder("[address]", r"(?P<road>大街|大道|胡同|(?<![公铁道走思出线电网套])路|(?<![上逛])街|巷|(?<!农)村|道)"
        rf"(?:[東东南西北中一二三四五六七八九十]段)?\s?{_FIGURES}\s?[号號弄][院楼樓]?(?!线|線|选手|文件|令)"
        rf"(?:(?:{_IN_PLACE}){{2,8}}?{_ESTATE})?{_UNITS}", _from_region),
    _finder("[address]", rf"(?P<road>)(?:(?:{_IN_PLACE}){{2,6}}{_ESTATE})?(?<![\w{KNOWN}])(?:\d{{1,4}}|[A-Z])"
        r"(?:[号號][楼樓]|[栋幢座])[ -]?(?:\d{1,2}[单單]元[ -]?\d{2,4}[室房号]?|(?:\d\d?[层楼樓])?\d{2,5}[室房])",
        _from_region),
    _finder("[address]", r"(?<![\w\ue000.,$€£#-])(?!(?:19|20)\d{2} )\d{1,5}[A-Za-z]? (?:[NSEW]\.? )?"
        r"(?:(?:[A-Z][a-z'’]{1,20}|\d{1,3}(?:st|nd|rd|th)) ){1,3}(?:Street|Road|Avenue|Lane|Drive|Boulevard|Court"
        r"|Square|Place|Terrace|Crescent|Highway|Parkway|(?:St|Rd|Ave|Ln|Dr|Blvd|Hwy|Pkwy)\.?)(?![\w\ue000])"
        r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat)\.? ?\w{1,6})?"),
    _finder("[address]", rf"(?<![\w{KNOWN}:-]){_HEX}{{2}}([:-])(?:{_HEX}{{2}}\1){{4}}{_HEX}{{2}}(?![\w{KNOWN}:-])"),
    _finder("[address]", rf"(?<![A-Za-z0-9.{KNOWN}])(?<![0-9A-Fa-f{KNOWN}:]:)(?={_HEX}{{0,4}}:)"
        rf"(?:{_HEX}{{0,4}}:){{2,7}}{_HEX}{{0,4}}(?:(?:\.\d{{1,3}}){{3}})?(?![A-Za-z0-9{KNOWN}:])", _if(_is_address)),
    _finder("[address]", rf"(?<![\w.{KNOWN}])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\.?[\d{KNOWN}])", _if(_is_address)),
    # Of a mobile in China, with the code of a country, of a place, without spaces, as a word says, and American.
    _finder("[phone]", rf"{_FREE}(?<!(?<![\d{KNOWN}])0\.)(?:(?:\+|00)?86[ .-]?)?"
        r"(?:(?<![\d\ue000]\.)1[3-9]|1(?:[38]|4(?=[5-9])|5(?=[0-35-9])|6(?=[2567])|7(?=[0-8])|9(?=[0-35-9])))\d"
        rf"(?:(?:[ -]{{0,2}}\d{{4}}){{2}}|(?:\.\d{{4}}){{2}}(?!\.[\d{KNOWN}])|\d-\d{{3}}-\d{{4}}){_END}"),
    _finder("[phone]", rf"(?<![\w.)\]{KNOWN}])(?:\+[1-9](?:[ ./()（）-]{{0,2}}\d){{7,14}}"
        rf"|00[1-9](?:[ ./()（）-]{{0,2}}\d){{8,14}}){_END}", _if(_is_phone)),
    _finder("[phone]", rf"(?:[(（]0[1-9]\d{{0,3}}[)）][ /-]{{0,3}}|{_FIRST}0[1-9]\d{{1,4}}[ /-]{{1,3}})"
        rf"[1-9]\d{{1,7}}(?:[ -]\d{{2,8}}){{0,3}}{_END}", _if(_is_phone)),
    _finder("[phone]", rf"{_FIRST}0(?:[1-9](?P<gap>[ .-])\d\d(?:(?P=gap)\d\d){{3}}|[2378] \d{{4}} \d{{4}}){_END}"),
    _finder("[phone]", rf"(?<!\w){_FIRST}(?:0[1-9]\d{{8,9}}|0[3-9]\d\d[2-8]\d{{7}})(?!\w){_END}", _if(_is_phone)),
    _finder("[phone]", rf"(?:1 )?[(（][2-9]\d{{2}}[)）] ?\d{{3}}[-. ]?\d{{4}}{_END}"),
    _finder("[phone]", rf"(?<![\w.{KNOWN}])(?<![\d{KNOWN}][-/])(?:\d{{7,12}}|\d{{3,4}}-\d{{4}})"
        rf"(?!\w|[.,-]?[\d{KNOWN}])", _if(_is_called)),
    _finder("[phone]", rf"{_FIRST}(?:1[-. ])?[2-9]\d{{2}}(?:(?P<gap>[-.])\d{{3}}(?P=gap)|(?<!\d[ ,]\d{{3}}) \d{{3}} )"
        rf"\d{{4}}(?![ ,]\d){_END}"),
)  # fmt: skip
