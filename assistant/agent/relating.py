"""What a passage says of two names that stand in one sentence of it, asked of the model once nobody has asked anything
for a while.

The model only says how the two hang together, and only in words of the sentence: what has others is dropped. The
sentence is kept with it as the quotation, so that whoever looks at the graph can read what it rests on.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from assistant.agent.allowance import Allowance
from assistant.agent.presence import Presence
from assistant.config import Sampling
from assistant.errors import AssistantError
from assistant.i18n import Language, language_of_text
from assistant.knowledge.entities import Mention, mentions
from assistant.memory.graph import GraphStore, Passage
from assistant.memory.stems import stems
from assistant.models.chat_model import Models
from assistant.prompting.library import PromptLibrary

_log = logging.getLogger(__name__)
_QUIET_S: Final = 60.0
_BATCH: Final = 16
_PAIRS: Final = 3
"""Asked of one passage."""
_TOKENS: Final = 24
_LONGEST: Final = 300
"""Characters of a sentence that is asked about."""
_MOST_WORDS: Final = 8
_SENTENCE: Final = re.compile(r"[^。！？!?\n]+?(?:[。！？!?]|\.(?=\s|$)|\n|$)")
_GRAMMAR: Final = r'root ::= "-" | [^\n"{}\[\]<>-] [^\n"{}\[\]<>]{1,60}'
_EXAMPLES: Final[dict[str, tuple[tuple[str, str, str, str], ...]]] = {
    "en": (
        ("In 1903 Marie Curie taught at the University of Paris.", "Marie Curie", "University of Paris", "taught at"),
        ("Both Anna Berg and the Nile are mentioned here.", "Anna Berg", "Nile", "-"),
        ("Bonn, the home of Clara Weiss, lies on the Rhine.", "Bonn", "Clara Weiss", "the home of"),
    ),
    "zh": (
        ("1903 年，陈静怡在北京大学任教。", "陈静怡", "北京大学", "任教"),
        ("本文提到了《红楼梦》和长江。", "红楼梦", "长江", "-"),
        ("曹雪芹写了《红楼梦》。", "曹雪芹", "红楼梦", "写了"),
    ),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two names and the sentence both stand in."""

    sentence: str
    subject: Mention
    object: Mention


class Relating:
    """On one event loop. `on` may be changed; `calls_a_day` is how often the model may be asked for it."""

    def __init__(
        self,
        store: GraphStore,
        models: Models,
        prompts: PromptLibrary,
        presence: Presence,
        *,
        on: bool = True,
        calls_a_day: int = 100,
        today: Callable[[], dt.date] = dt.date.today,
    ) -> None:
        self._store = store
        self._models = models
        self._prompts = prompts
        self._presence = presence
        self._allowance = Allowance(calls_a_day, today)
        self._task: asyncio.Task[None] | None = None
        self.on = on
        self.quiet_s = _QUIET_S

    def begin(self) -> None:
        """There may be passages to ask about: go on with them when it is quiet."""
        if self.on and self._allowance.left and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def done(self) -> None:
        """Wait until nothing is left to be asked about, or the day's calls are spent."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def read(self, passage: Passage) -> int:
        """Ask about one passage; returns how many relations are new."""
        found: list[tuple[str, str, str, str]] = []
        for pair in pairs(passage):
            if not self._allowance.take():
                return 0
            said = await self._ask(pair)
            if (predicate := borne_out(said, pair)) is not None:
                found.append((pair.subject.key, predicate, pair.object.key, pair.sentence))
        return await asyncio.to_thread(self._store.keep_relations, passage.id, found)

    async def _work(self) -> None:
        while self.on and self._allowance.left:
            await self._presence.quiet(self.quiet_s)
            waiting = await asyncio.to_thread(self._store.unasked, _BATCH)
            if not waiting:
                return
            for passage in waiting:
                if self._presence.is_anybody or not self._allowance.left:
                    break
                try:
                    await self.read(passage)
                except AssistantError as error:
                    _log.warning("passage %d could not be read for relations: %s", passage.id, error)
                    return

    async def _ask(self, pair: Pair) -> str:
        model = self._models.chat_model()
        await model.prepare()
        language = language_of_text(pair.sentence, "en")
        options: dict[str, Any] = {
            "sampling": Sampling(temperature=0, repeat_penalty=1, max_tokens=_TOKENS, seed=0),
            "priority": "background",
            "owner": "graph",
            "stop": ["\n"],
        }
        if self._models.info(model.model_name).kind == "local":
            options["grammar"] = _GRAMMAR
        messages: list[BaseMessage] = [SystemMessage(self._prompts.get("relation", language).render())]
        for sentence, a, b, said in _EXAMPLES[language]:
            messages += [HumanMessage(self._asked(language, sentence, a, b)), AIMessage(said)]
        messages.append(HumanMessage(self._asked(language, pair.sentence, pair.subject.name, pair.object.name)))
        return str((await model.ainvoke(messages, **options)).text)

    def _asked(self, language: Language, sentence: str, a: str, b: str) -> str:
        return self._prompts.get("relation-of", language).render(sentence=sentence, a=a, b=b)


def pairs(passage: Passage) -> Iterator[Pair]:
    """Neighbouring names of one sentence, a few of each passage."""
    known = {one.key for one in mentions(passage.text, passage.header)}
    count = 0
    for match in _SENTENCE.finditer(passage.text):
        sentence = " ".join(match.group().split())
        if len(sentence) > _LONGEST:
            continue
        named = [one for one in mentions(sentence) if one.key in known and one.name in sentence]
        named.sort(key=lambda one: sentence.index(one.name))
        for subject, other in pairwise(named):
            behind = sentence.index(subject.name) + len(subject.name)
            if other.name not in sentence[behind:]:
                continue  # a name within a name
            yield Pair(sentence, subject, other)
            count += 1
            if count >= _PAIRS:
                return


def borne_out(said: str, pair: Pair) -> str | None:
    """What the model said, where it stands between the two names in the sentence word for word; None for all else,
    which a small model says often enough."""
    predicate = " ".join(said.strip().strip(".。,，;；:：").split())
    for name in (pair.subject.name, pair.object.name):
        predicate = predicate.removeprefix(name).removesuffix(name).strip()
    begin = pair.sentence.index(pair.subject.name) + len(pair.subject.name)
    between = pair.sentence[begin : pair.sentence.index(pair.object.name, begin)]
    words = stems(predicate)
    if not words or len(words) > 2 * _MOST_WORDS or predicate.casefold() not in between.casefold():
        return None
    return predicate
