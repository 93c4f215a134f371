"""Whether a text gives the model orders, which what is learned from other people's words must not do.

Patterns catch what is plain, not what is clever: that learned text stands in a slot, among fixed safety text, and can
reach no tool is what holds. Leaving out an honest sentence costs an example, so that in doubt it is left out.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Final

_ENGLISH: Final = (
    r"\b(?:ignor|disregard|forget|overrid|bypass|discard|violat|disobey"
    r"|(?:do not|don't|stop|no longer) (?:follow|obey))\w*\b.{0,40}\b(?:previous|above|earlier|prior|preceding|all|any"
    r"|your|these|other|instruction|rule|prompt|guideline|direction|polic|restriction|constraint|safety)",
    r"\b(?:ignor|disregard|discard)\w*\b.{0,20}\b(?:what(?:ever)? (?:i|we|you|they|was|were|has|is|came|comes|stood)"
    r"|text|context|conversation|messages?|before this)\b",
    r"\b(?:ignor|disregard|forget|discard)\w*\b.{0,20}\b(?:everything|anything|so far|up to (?:now|here))\b",
    r"\b(?:system|developer|hidden|initial|original) (?:prompt|message|instruction)",
    r"\b(?:reveal|leak|print|repeat|output|show)\w*\b.{0,20}\byour (?:\w+ )?(?:prompt|instruction|rule|guideline)",
    r"\byou are now\b|\bfrom now on,? (?:you|always|only|answer|respond|reply|act|ignore|every)",
    r"\b(?:new|updated|real|actual|additional|secret) (?:instruction|rule|directive|order)s?\b",
    r"\b(?:pretend|act as if|behave as if|imagine) (?:that )?you (?:are|have|can)\b|\bwithout (?:any )?restrictions?\b",
    r"\bjailbr|\b(?:developer|dan|god|admin|sudo) mode\b|\bdo anything now\b",
    r"\byou (?:must|shall|have to) (?:now |always |only )+",
)
_CHINESE: Final = (
    r"(?:忽略|无视|忘记|忘掉|不要理会|不用理会|别管|不要遵[守循]|不再遵[守循]|停止遵[守循]|抛开|绕过|覆盖|推翻|违反)"
    r".{0,12}(?:指令|规则|提示|要求|限制|设定|约束|准则|命令|规定)",
    r"(?:忽略|无视|不要理会|不用理会|别管|抛开|推翻).{0,6}(?:上文|前文|以上|上述|上面|前面|前述|之前|先前|此前|刚才)",
    r"(?:忽略|无视|忘记|忘掉|不要理会|不用理会|别管|抛开|推翻).{0,6}(?:上文|以上|上述|所有内容|一切)",
    r"系统(?:提示|指令|消息)|(?:开发者|管理员|上帝)模式|越狱|隐藏(?:的)?指令|新的?(?:指令|规则)",
    r"你现在是|从现在(?:开始|起).{0,4}(?:你|只|必须|所有)|(?:假装|假设|想象)(?:你|自己)(?:是|没有)|不受(?:任何)?限制|没有(?:任何)?限制的",
    r"(?:输出|打印|复述|泄露|告诉我|显示).{0,6}你的(?:提示|指令|规则|设定)",
    r"你(?:必须|只能|务必)(?:总是|始终|永远|一直|只)",
)
_MARKS: Final = (
    r"<\|[^|>\n]{1,40}\|?>|\[/?(?:inst|sys(?:tem)?)\]|<</?sys>>|</?s>|<(?:start|end)_of_turn>|</?(?:system|tool_call)s?\b",
    r"^#{1,4} *(?:instruction|system|response|指令|系统)s?\b",
    r"^ *(?:system|assistant|developer|系统|助手) *[:：]",
    r'"name" *: *"[^"\n]*" *, *"(?:arguments|parameters)" *:',
)
_ALIKE: Final = str.maketrans(
    "аеоорсухіјѕԁһӏкмтнвАЕОРСУХІЈЅКМТНВοαεικνρτυχΟΑΕΙΚΝΡΤΥΧ", "aeoopcyxijsdhlkmthbaeopcyxijskmthboaeiknptuxoaeiknptux"
)
"""Cyrillic and Greek letters that look like Latin ones; what is really Russian or Greek makes no English word."""
_SIMPLE: Final = str.maketrans(
    "無視記會別遵繞過蓋違規則設約準統發開員獄隱現從始須裝沒輸覆述洩露訴顯總遠務條內話剛說從請詞應當",
    "无视记会别遵绕过盖违规则设约准统发开员狱隐现从始须装没输覆述泄露诉显总远务条内话刚说从请词应当",
)
"""Traditional characters of the patterns as simplified ones."""
_ORDERS: Final = re.compile("|".join(f"(?:{one})" for one in (*_ENGLISH, *_CHINESE, *_MARKS)), re.IGNORECASE | re.M)
_SPACES: Final = re.compile(r"[^\S\n]+")


def orders(text: str) -> bool:
    """Whether it reads like an instruction to the model, also where it is written with unusual letters, in traditional
    characters, or with signs that nobody sees."""
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    flat = _SPACES.sub(" ", seen).translate(_SIMPLE)
    lines = flat.replace("\n", " ")
    return any(_ORDERS.search(one) for one in (flat, lines, flat.translate(_ALIKE), lines.translate(_ALIKE)))


def orders_within(text: str) -> bool:
    """The same, also in the words of the JSON that it may be: there they can be written in escapes."""
    if orders(text):
        return True
    try:
        parts = [json.loads(text)]
    except (ValueError, RecursionError):
        return False
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            parts += [*part, *part.values()]
        elif isinstance(part, list):
            parts += part
        elif isinstance(part, str) and orders(part):
            return True
    return False
