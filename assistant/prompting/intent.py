"""What a question wants, by a few rules in English and Chinese: code, a translation, something written, a summary,
something from documents, or a little talk.

A prompt may be another for each of these. The rules are read in order and would rather miss than be wrong: most
questions have no intent, and what is in use for all of them holds.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias, get_args

Intent: TypeAlias = Literal["", "small-talk", "translation", "summary", "writing", "code", "documents"]
INTENTS: Final[tuple[Intent, ...]] = tuple(one for one in get_args(Intent) if one)
_READ: Final = 2_000
"""Characters from the beginning, where people say what they want; what they want it of may follow at length."""
_ASKED: Final = (
    r"^\W*(?:(?:please|now|hi|hello|hey|(?:can|could|would|will) you|i want you to|help me(?: to)?|请你?|帮我|麻烦你?)"
    r"[\s,，]*)*"
)
_GREETING: Final = (
    r"hi|hello|hey|good (?:morning|afternoon|evening|night)|thanks?(?: you)?(?: (?:so|very) much)?|(?:good)?bye|"
    r"how are you(?: doing)?(?: today)?|how(?:'s| is) it going|what(?:'s| is) up|who are you|"
    r"what(?:'s| is) your name|nice to meet you"
)
_GREETING_ZH: Final = (
    r"[你您]好|嗨|哈喽|在吗|在不在|早|早上好|早安|上午好|中午好|下午好|晚上好|晚安|谢谢[你您]?|多谢|感谢|再见|拜拜|"
    r"辛苦了|[你您]是谁|你叫什么(?:名字)?|最近(?:怎么样|好吗)|[你您](?:今天)?(?:好吗|怎么样)"
)
_TONGUE: Final = (
    r"(?:english|chinese|mandarin|german|french|spanish|italian|japanese|korean|russian|portuguese|arabic|latin)"
)
_WRITTEN: Final = (
    r"(?:e-?mail|letter|message|poem|haiku|essay|story|speech|article|report|review|post|tweet|caption|slogan|resume|"
    r"invitation|song|lyrics|toast|paragraph|press release)s?"
)
_WRITTEN_ZH: Final = (
    r"(?:信|邮件|文章|作文|诗|故事|演讲|发言|稿|文案|通知|报告|短信|祝福|歌词|简历|评语|小说|标语|请柬|日记)"
)
_CODED: Final = r"(?:code|script|function|program|class|method|quer(?:y|ies)|regexp?|unit tests?|makefile|dockerfile)s?"
_CODED_IN: Final = (
    r"(?:python|javascript|typescript|java|rust|golang|kotlin|swift|c\+\+|c#|php|ruby|sql|bash|powershell|html|css|"
    r"numpy|pandas|git)"
)
_PAPERS: Final = (
    r"(?:documents?|files?|attachments?|pdfs?|notes|contract|manual|handbook|minutes|report|paper|spreadsheet|library)"
)
_PAPERS_ZH: Final = r"(?:文档|文件|资料|合同|手册|笔记|报告|附件|知识库)"


def _rule(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_RULES: Final[tuple[tuple[Intent, re.Pattern[str]], ...]] = (
    (
        # Nothing but a greeting: whoever asks something behind it wants that.
        "small-talk",
        _rule(
            rf"^\W*(?:{_GREETING})(?:[\s,]+(?:there|patina|again|friend|everyone))?\W*$",
            rf"^\W*(?:{_GREETING_ZH})[呀啊吗呢吧了哦\W]*$",
        ),
    ),
    (
        "translation",
        _rule(
            rf"{_ASKED}translate\b",
            rf"\b(?:translation of|put (?:this|that|it|the following)\b.{{0,40}}\binto {_TONGUE})\b",
            rf"\bhow (?:do|would|can) (?:you|i|we) say\b.{{0,80}}\bin {_TONGUE}\b",
            r"翻译|译[成为]|[英中日法德韩俄][语文].{0,12}怎么[说写讲]",
        ),
    ),
    (
        "summary",
        _rule(
            rf"{_ASKED}(?:summari[sz]e|sum up|tl;?dr|give (?:me )?a (?:(?:short|brief|quick) )?summary)\b",
            r"\b(?:summary of|gist of|key points of)\b",
            r"总结|概括|摘要|归纳一下|提炼.{0,6}要点",
        ),
    ),
    (
        "writing",
        _rule(
            rf"{_ASKED}(?:write|draft|compose|make up)\b.{{0,40}}\b{_WRITTEN}\b",
            rf"{_ASKED}(?:rewrite|rephrase|reword|proofread|polish|shorten)\b(?!.{{0,30}}\b{_CODED}\b)",
            rf"(?:写|起草|拟)[一两几个份封篇首段条则张点].{{0,16}}{_WRITTEN_ZH}",
            r"润色|改写|扩写|校对",
        ),
    ),
    (
        "code",
        _rule(
            r"```",
            r"(?m:^)\s*(?-i:def \w+\(|class \w+[:(]|from \S+ import|#include|(?:const|let|var) \w+ ?=|SELECT .+ FROM )",
            rf"\b(?:write|rewrite|fix|debug|refactor|explain|optimi[sz]e|review|test)\b.{{0,40}}\b{_CODED}\b",
            rf"\b(?:in|with|using) {_CODED_IN}(?!\w)",
            r"\b(?:traceback|stack trace|segfault|syntax ?error|type ?error|compiler|regular expression)\b",
            r"代码|编程|函数|报错|脚本|正则表达式|编译|(?:用|写).{0,8}(?:python|java|javascript|sql|c\+\+|rust|shell)",
        ),
    ),
    (
        "documents",
        _rule(
            rf"\b(?:in|from|according to|based on) (?:my|our|the|this|these|that) (?:\w+ ){{0,2}}{_PAPERS}\b",
            rf"\b(?:my|the attached) {_PAPERS}\b.{{0,20}}\b(?:says?|mentions?)\b",
            rf"(?:根据|按照|依据).{{0,8}}{_PAPERS_ZH}|{_PAPERS_ZH}(?:里|中|上|当中)",
        ),
    ),
)


def intent_of(question: str) -> Intent:
    """Empty where no rule speaks."""
    read = question[:_READ]
    return next((intent for intent, rule in _RULES if rule.search(read)), "")
