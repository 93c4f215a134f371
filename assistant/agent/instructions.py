"""Standing instructions in what a person writes ("from now on answer in French", 以后叫我老王), caught by rule.

A rule finds nine of ten where search finds four, and asks no model. Only what the person wrote counts: nothing in code,
in quotations or in attached files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 300
"""Characters of a sentence that can be an instruction."""
_NOT_OWN: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|^[ \t]*>.*$|<[^>\n]{1,40}>", re.DOTALL | re.MULTILINE)
_SENTENCES: Final = re.compile(
    r"(?:\b(?:[Dd]r|[Mm]rs?|Ms|[Pp]rof)\.(?=[ \t]*[^\W\d_])|[^.!?。！？；;\n])+[.!?。！？；;]*"
)
_NO_NAME: Final = r"(?:an?|crazy|insane|silly|stupid|lazy|weird|picky|naive|biased|cynical|paranoid|old[- ]fashioned)\b"
"""After "call me": what makes it a figure of speech, or a wish for a taxi."""
_WISHING: Final = (
    r"(?:please|just|simply|also|always|instead|hi|hello|hey|ok(?:ay)?|remember(?: that)?|from now on|going forward"
    r"|from here on|in (?:the )?future|from today on|by default|you (?:can|may|should|could|must)"
    r"|i(?: want|(?: would|['’]d) (?:like|prefer)| prefer) you to)"
)
_STANDING: Final = re.compile(
    r"\b(from now on|going forward|from here on|in (the )?future|from today on|by default)\b"
    r"|^\W*(please |and |also |but )*(always|never|don['’]?t ever|do not ever|remember (that|to|this)?\b|keep in mind)"
    r"|\b(whenever|every time|each time) (i|you|we|someone)\b"
    r"|\b(you (should|must|can|may) (always|never)"
    r"|i (always )?(want|prefer|would like|['’]d like) (you|your|answers|replies)"
    rf"|call me(?! {_NO_NAME})|don['’]?t call me|stop (using|adding|saying|calling|writing))\b",
    re.IGNORECASE,
)
_STANDING_ZH: Final = re.compile(
    r"以后|从现在(起|开始)|从今(以后|往后|天起)|今后|往后(都|请|回答)|(每次|每当|每回).{0,20}(都|请|要|先|用)|(请|要|必须|务必)?(总是|始终|一律|永远)"
    r"|(永远|千万|再也)?(不要|别)再|请?(你)?(记住|记得)|默认(用|使用|按)"
    r"|(?:(?<![\u4e00-\u9fff])|请|就|可以)(?:叫|称呼)我(?!起|去|来|回|吃|做|别|不)"
)
_PAST_ZH: Final = re.compile(r"以后(再说|会|就会|才)|从那以后|不久以后|然后")
_ASKED: Final = re.compile(r"[?？]\W*$|[吗呢]\W*$")
_TOLD_OTHERS: Final = re.compile(
    r"^\W*(why|how|what|when|who|where|which|can|could|do|does|did|is|are|was|should|would)\b", re.IGNORECASE
)
_LANGUAGES: Final = (
    "english|chinese|mandarin|cantonese|german|french|spanish|japanese|italian|russian|korean|portuguese|dutch|arabic"
)
_LANGUAGES_ZH: Final = "(?:英|中|汉|德|法|日|俄|韩|西班牙|意大利|葡萄牙)(?:文|语)|普通话|粤语|广东话"
_BEFORE_ZH: Final = (
    r"(?:请|你|我|希望|想|以后|今后|往后|从现在起|从现在开始|从今以后|默认|总是|一律|都|始终|永远|记住|记得|要|必须|务必|跟|和|对"
    r"|说话|[，,\s])*"
)
_KEYS: Final = (
    (
        "called",
        re.compile(
            # Only where the sentence, or a part of it, begins so: what others call somebody is no wish.
            rf"(?:^|[,:–—]|\b(?:but|please)\b|^\W*{_WISHING}\b.*\band\b)\W*(?:{_WISHING}[\s,:]+)*"
            rf"call me (?!{_NO_NAME}|(?:when|if|before|after|at|on|by|in|as soon|soon|back|later|tomorrow|tonight|today"
            r"|now|once|every|again|up|maybe|whatever|any ?time)\b)"
            r"|(?:^|[，,：:、\s])(?:(?:请|你|您|以后|今后|往后|从现在起|从现在开始|从今以后|从今往后|从今天起|默认|总是|一律|始终|永远"
            r"|就|可以|也|还是|那么?|直接|记住|记得|要|必须|务必|大家可以|你们)都?)*"
            r"(?:叫|称呼)我(?!起|去|来|回|吃|做|滚|走|过[去来]|帮|给|一声|一下|的时候|别|不)",
            re.IGNORECASE,
        ),
    ),
    (
        "language",
        re.compile(
            rf"\b(?:answer|reply|respond|speak|talk|write|chat)(?: (?:to me|with me|me|back|always|only|everything))* "
            rf"(?:only )?(?:in )?(?:{_LANGUAGES})\b"
            rf"|\b(?:answers?|repl(?:y|ies)|responses?)(?: to me)?(?: to be| should be| must be| always)? "
            rf"(?:only )?in (?:{_LANGUAGES})\b"
            rf"|^{_BEFORE_ZH}(?:用|说|讲|使用)(?:{_LANGUAGES_ZH})(?:来|和我|跟我)*"
            r"(?:回答|回复|答复|交流|说话|聊天?|对话|沟通|写)?我?\W*$"
            rf"|(?:回答|回复|答复)我?(?:的时候|时)?(?:请|都|一律|总是|要|必须)*用(?:{_LANGUAGES_ZH})",
            re.IGNORECASE,
        ),
    ),
    (
        "length",
        re.compile(
            r"\b(?:answers?|answering|repl(?:y|ies)|responses?|respond|explanations?|explain)\b.{0,30}"
            r"\b(?:short|brief|concise|long|detailed)(?:er|ly)?\b"
            r"|\b(?:short|brief|concise|long|detailed)(?:er)? (?:answers?|repl(?:y|ies)|responses?|explanations?)\b"
            r"|\b(?:be|keep (?:it|things)) (?:more |very |as )?(?:short|brief|concise|detailed)(?:er)?\b"
            r"|(?:回答|回复|答复|说话|解释|说明).{0,8}(?:简短|简洁|简单|详细|短一?点|短些|长一?点)"
            r"|(?:简短|简洁|简单|详细)(?:地|一?点|些)?(?:回答|回复|答复|解释|说明)",
            re.IGNORECASE,
        ),
    ),
)
_CALLING: Final = re.compile(r"\bcall me\b|(?:叫|称呼)我", re.IGNORECASE)
_ONLY_SOMETIMES: Final = re.compile(
    r"\b(?:when(?:ever)?|every time|each time|if|unless|except|for|about)\b"
    r"|每次|每当|每回|如果|要是|除了|除非|的时候|关于",
    re.IGNORECASE,
)
"""What holds for some questions takes the place of nothing that holds for all."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """A sentence as it was written; of two with the same key, the newer one holds."""

    text: str
    key: str = ""


def own_words(message: str) -> str:
    """What a person wrote themselves: code, quotations and markup are blanked out, every other place is kept."""
    return _NOT_OWN.sub(lambda match: " " * len(match.group()), message)


def instructions(message: str) -> Iterator[Instruction]:
    for match in _SENTENCES.finditer(own_words(message)):
        sentence = match.group().strip()
        if len(sentence) > _LONGEST or _ASKED.search(sentence) or _TOLD_OTHERS.search(sentence):
            continue
        if _STANDING.search(sentence) or (_STANDING_ZH.search(sentence) and not _PAST_ZH.search(sentence)):
            yield Instruction(sentence, _key(sentence))


def _key(sentence: str) -> str:
    """What a sentence settles, where that is plain; two of one key contradict each other."""
    if _ONLY_SOMETIMES.search(sentence):
        return ""
    found = [key for key, pattern in _KEYS if pattern.search(sentence)]
    if "called" not in found and _CALLING.search(sentence):
        # What is settled besides would take along what is said of a name.
        return ""
    return found[0] if len(found) == 1 else ""
