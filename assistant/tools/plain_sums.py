"""Sums asked for so plainly that no model is needed: "What is 17.5 % of 2480?", 12乘以13等于多少, 3 * (4 + 5) =.

Rules only. What may mean something else is no sum: 9/11 and 24/7, 2019-2020, a telephone number, and 80 + 15 %, which
some mean as 92 and some as 80.15.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from assistant.tools.arithmetic import NotArithmetic, calculate

_ASKED: Final = re.compile(
    r"(?:(?:please|hey|hi|ok|okay|can you|could you|would you|tell me|patina)[\s,]+)*"
    r"(?:(?P<what>what(?:\s+is|'s|’s)|请问)|(?P<told>how much is|calculate|compute|work out|evaluate"
    r"|(?:请|麻烦|帮我|帮忙)*(?:计算|算算|算)(?:一下)?))?[\s,:，：]*(?P<sum>.+?)"
    r"(?P<end>\s*(?:=|等于|equals?|是多少|得多少|得几|多少|几)+)?[\s?!.。？！吗呢]*",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER: Final = r"\d[\d,]*(?:\.\d+)?"
_SPELLED: Final = (
    (re.compile(rf"({_NUMBER})\s*(?:%|percent|per cent)\s*of\s*(?=[\d(])", re.IGNORECASE), r"\1% * "),
    (re.compile(rf"({_NUMBER})\s*的\s*({_NUMBER})\s*%"), r"\2% * \1"),
    (re.compile(rf"({_NUMBER})\s*的\s*平方根"), r"sqrt(\1)"),
    (re.compile(rf"(?:the\s+)?square root of\s*({_NUMBER})", re.IGNORECASE), r"sqrt(\1)"),
    (re.compile(r"\s*(?:的\s*平方|\bsquared\b)", re.IGNORECASE), "^2"),
    (re.compile(r"\s*(?:的\s*立方|\bcubed\b)", re.IGNORECASE), "^3"),
    (re.compile(rf"({_NUMBER})\s*的\s*({_NUMBER})\s*次方"), r"\1^\2"),
    (re.compile(r"\s*\bto the power of\b\s*", re.IGNORECASE), "^"),
    (re.compile(r"\s*(?:\bplus\b|加上|加)\s*", re.IGNORECASE), " + "),
    (re.compile(r"\s*(?:\bminus\b|减去|减)\s*", re.IGNORECASE), " - "),
    (re.compile(r"\s*(?:\btimes\b|\bmultiplied by\b|乘以|乘|(?<=\d)\s*x\s*(?=\d))\s*", re.IGNORECASE), " * "),
    (re.compile(r"\s*(?:\bdivided by\b|除以)\s*", re.IGNORECASE), " / "),
)
_ARITHMETIC: Final = re.compile(r"(?:[\d\s.,+*/^()!%×÷·−–√π-]|sqrt)+", re.IGNORECASE)
_OPERATION: Final = re.compile(r"[\d)%!]\s*(?:\*\*|[-+*/^×÷·−–])\s*[\d(√πs.+-]|sqrt|√|\d!")
_AMBIGUOUS: Final = re.compile(rf"[-+−–]\s*{_NUMBER}\s*%(?!\s*[*×·])")
_NAME: Final = re.compile(r"\d+(?:[-/−–.]\d+)+")
"""What is called 9/11 or 2019-2020, and could be a sum."""


def plain_sum(message: str) -> str | None:
    """The expression that is asked for, as `arithmetic.calculate` reads it; None for everything else."""
    match = _ASKED.fullmatch(unicodedata.normalize("NFKC", message).strip())
    if match is None:
        return None
    expression = " ".join(match["sum"].split())
    for pattern, instead in _SPELLED:
        expression = pattern.sub(instead, expression)
    expression = " ".join(expression.split())
    if not _ARITHMETIC.fullmatch(expression) or not _OPERATION.search(expression) or _AMBIGUOUS.search(expression):
        return None
    if _NAME.fullmatch(expression) and not (match["told"] or match["end"]):
        return None
    try:
        calculate(expression)
    except NotArithmetic:
        return None
    return expression
