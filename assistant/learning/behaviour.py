"""What a person's next message says about the answer before it: pure rules over consecutive turns.

Every rule needs something that was done. That nothing came after an answer says nothing about it; only an answer that
somebody stopped and then left alone for long is taken for abandoned. The rules would rather miss than be wrong: each is
a weak label, and far weaker than a thumb (see `assistant.learning.evidence`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from assistant.memory.records import SignalKind, Turn
from assistant.memory.text import segment

REPHRASED_WITHIN_S: Final = 600.0
ABANDONED_AFTER_S: Final = 3600.0
_SAME: Final = 0.85
"""Share of the shorter question's words that the other has too, from which one is the other in other words. A word of
weight that was put in another's place makes it another question."""
_LONGER: Final = 2.0
"""How many times as long the other may be; beyond that it asks for something more."""
_FEW: Final = 3
"""Words of weight that a question needs: "go on" is said twice for good reasons."""
_LIGHT_WORDS: Final = """
    a an and are at be can could did do does for from give have how i in is it its me my of on or please should so tell
    that the then there this to was we what when where which who why will with would you your
    的 了 吗 呢 吧 啊 请 我 你 您 怎 么 样 什 是 在 把 给 用 一 个 下 可 以 能 帮 想 要 说 告 诉
"""
_LIGHT: Final = frozenset(_LIGHT_WORDS.split())
"""Words that say little of what is asked."""
_BEGINNING: Final = 120
"""Characters in which a correction or thanks stand, if they do."""

_PAUSE: Final = r"(?=\s*(?:$|[,.!;:…—–\n]|[，。！；：、~～]))"
_WRONG: Final = re.compile(
    rf"""^(?:(?:no|nope)\b[\s,.!:;—–-]*)?(?:
        (?:that|this|it)(?:'?s|\ is|\ was)\s+(?:still\s+)?
            (?:not\s+(?:right|correct|true|what\s+i)\b|wrong\b|incorrect\b)
        |(?:that|this|it)\s+(?:still\s+)?(?:does\s?n[o']?t|did\s?n[o']?t|is\s?n[o']?t)\s+(?:work|help|right|correct)
        |you(?:'re|\ are|\ were)\s+(?:wrong|mistaken)\b|you\s+(?:misunderstood|got\s+(?:it|that)\s+wrong)\b
        |(?:wrong|incorrect|not\s+(?:right|correct|true|what\s+i\s+(?:asked|meant|wanted))){_PAUSE}
        |i\s+(?:meant|asked\s+for)\b|what\s+i\s+meant\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_NO: Final = re.compile(
    rf"^(?:no|nope|nah){_PAUSE}(?!\s*[,.!]?\s*(?:thank|that'?s (?:all|fine|it|ok|good)|problem|worr))", re.IGNORECASE
)
_WRONG_ZH: Final = re.compile(
    rf"""^(?:不[,，。！!\s]+)?(?:
        (?:这|那|这个|那个|你)?(?:答案|回答|说的|结果)?(?:还是)?(?:不对|不正确|错了|是错的|有误)(?:吧|啊|呀|哦|的|了)?{_PAUSE}
        |你(?:说|搞|弄|写|算)错了|你?理解错了|答非所问|不是(?:这个意思|这样的?|我(?:要|想|问))
        |我(?:是说|的意思是|问的是|要的是|说的是|想问的是)
    )""",
    re.VERBOSE,
)
_NO_ZH: Final = re.compile(r"^(?:不是|不)(?:的|啊)?(?=[,，。！!])")
_THANKS: Final = re.compile(
    rf"""^(?:(?:ok(?:ay)?|great|perfect|ah|oh|yes)[\s,.!]+)?(?:
        (?:many\s+)?(?:thanks|thank\s+you|thx|cheers)(?:{_PAUSE}|\s+(?:so|a\s+lot|very|again|for\s+(?!nothing)|that|it|you\b))
        |(?:perfect|great|awesome|excellent|brilliant|exactly|lovely){_PAUSE}
        |(?:it|that|this)\s+(?:works?|worked|helps?|helped)(?:{_PAUSE}|\s+(?:now|well|great|fine|perfectly)\b)
        |works{_PAUSE}|that'?s\s+(?:it|right|correct|perfect){_PAUSE}
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_THANKS_ZH: Final = re.compile(
    rf"""^(?:好的|好|嗯|哦|对)?[,，。！!\s]*(?:
        (?:谢谢|多谢|感谢|谢了|谢啦)(?:你|您|啦|了|大佬|帮忙)*{_PAUSE}
        |(?:太好了|完美|很好|非常好|很有用|有用|有帮助|解决了|搞定了?|成功了|可以了|好了|明白了|懂了|没问题了|对了){_PAUSE}
    )""",
    re.VERBOSE,
)
_BUT: Final = re.compile(
    r"\b(?:but|however|though|still|wrong|does\s?n[o']?t|not)\b|但|可是|不过|还是|不对|(?<!不)错|没有(?!问题)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sign:
    """A signal read from behaviour. `said_in` is the turn whose person gave it."""

    turn_id: str
    kind: SignalKind
    said_in: str
    other_turn_id: str | None = None


def read(path: Sequence[Turn], beside: Iterable[Turn] = (), stopped: Iterable[str] = ()) -> list[Sign]:
    """What the turns of a branch say of one another, in their order; the same turns always say the same.

    `beside` are other answers to the same questions, `stopped` the turns whose answer a person stopped.
    """
    others, ended = list(beside), set(stopped)
    return [sign for before, after in pairwise(path) for sign in _pair(before, after, others, ended)]


def is_rephrased(question: str, again: str) -> bool:
    """Whether the second question is the first in other words, or in the same."""
    shorter, longer = sorted((_weighty(question), _weighty(again)), key=Counter.total)
    if shorter.total() < _FEW or longer.total() > _LONGER * shorter.total():
        return False
    return (shorter & longer).total() >= _SAME * shorter.total()


def is_correction(message: str, answer: str = "") -> bool:
    """Whether a message begins with saying that the answer before it was wrong. A bare no is one unless that answer
    ended in a question, which it then replies to."""
    begun = _begun(message)
    if _WRONG.search(begun) or _WRONG_ZH.search(begun):
        return True
    asked = answer.rstrip().endswith(("?", "？"))
    return not asked and bool(_NO.search(begun) or _NO_ZH.search(begun))


def is_thanks(message: str) -> bool:
    """Whether a message begins with thanks or that it works, and takes nothing of that back."""
    begun = _begun(message)
    return bool(_THANKS.search(begun) or _THANKS_ZH.search(begun)) and not _BUT.search(begun)


def _pair(before: Turn, after: Turn, others: Sequence[Turn], stopped: set[str]) -> Iterator[Sign]:
    """Of two turns that follow each other."""
    if after.parent_id != before.id:
        return
    ended = before.finished_at or before.created_at
    if before.id in stopped and after.created_at - ended >= ABANDONED_AFTER_S:
        yield Sign(before.id, "abandoned", before.id)
    if after.source != "new" or before.status not in {"done", "stopped"} or not before.answer.strip():
        return
    if (passed_over := _passed_over(before, others)) is not None:
        yield Sign(before.id, "kept", after.id, passed_over)
    if is_correction(after.question, before.answer):
        yield Sign(before.id, "corrected", after.id)
    elif is_thanks(after.question):
        yield Sign(before.id, "thanked", after.id)
    elif (
        before.person_id == after.person_id
        and after.created_at - ended <= REPHRASED_WITHIN_S
        and not after.attachments
        and is_rephrased(before.question, after.question)
    ):
        yield Sign(before.id, "rephrased", after.id)


def _passed_over(kept: Turn, others: Sequence[Turn]) -> str | None:
    """The newest answer to the same question that was there and was not gone on from."""
    newer = [
        one.id
        for one in others
        if one.parent_id == kept.parent_id
        and one.source == "regenerate"
        and one.question == kept.question
        and one.created_at > kept.created_at
        and one.answer.strip()
        and not (one.compared or kept.compared)
    ]
    return max(newer, default=None)


def _weighty(question: str) -> Counter[str]:
    """The words of weight in it; Chinese, which the index cuts into pairs, by its characters."""
    words = (word[0] if word[0] >= "\u2e80" else word for word in segment(question).split())
    return Counter(word for word in words if word not in _LIGHT)


def _begun(message: str) -> str:
    return message.strip().replace("’", "'")[:_BEGINNING]
