"""Sums up what will soon not fit into the model's window any more, once nobody asks anything.

What leaves first is summed up before it has to: so the summary can take its place at once, and what the model reads
stays the same from turn to turn until more has to leave. A part is summed up once and never again from its own summary,
for small models lose more each time. Read is what the person wrote: beside long answers a small model copies those and
loses what was said. A sentence that has nothing of that is dropped, as for facts (`assistant.agent.noting`).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from assistant.agent.afterwards import Afterwards
from assistant.agent.asking import Asker
from assistant.agent.fact_choice import SPEAKER
from assistant.agent.presence import Presence
from assistant.errors import NotFound
from assistant.i18n import Language, language_of_text
from assistant.knowledge.framing import between_lines
from assistant.memory.conversations import ConversationStore
from assistant.memory.records import Turn
from assistant.memory.stems import asked, stems
from assistant.memory.summaries import Summary, SummaryStore
from assistant.models.chat_model import Models

_log = logging.getLogger(__name__)
_QUIET_S: Final = 5.0
_NEAR: Final = 0.75
"""Share of what may be read from which on something will soon have to leave."""
_STAYS: Final = 0.55
"""Share of a conversation, the newest, that stays then."""
_READ: Final = 1_000
"""Characters of a message that are read."""
_MOST: Final = 4_000
"""Bytes that are summed up at once; a small model makes more of a short text."""
_LEAST: Final = 300
"""Bytes below which a part waits for what follows it."""
_BYTES_A_TOKEN: Final = 2
_LONGEST: Final = 600
"""Bytes of a summary."""
_BETWEEN: Final = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'”’)])\s+|(?<=[。！？])(?![”’）」])|(?<=[。！？][”’）」])")
_ENDS: Final = re.compile(r"[.!?。！？…][\"'”’）)」]?$")
_NUMBER: Final = re.compile(r"\d+")
_PERSON: Final[dict[Language, str]] = {"en": "Person", "zh": "用户"}


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the model reads in the place of turns that have left, and the ids of the summaries it is made of."""

    text: str = ""
    summaries: tuple[str, ...] = ()


class Summaries:
    """On one event loop. `on` and `quiet_s` may be changed; `max_tokens` is how long an answer may become."""

    def __init__(
        self,
        conversations: ConversationStore,
        store: SummaryStore,
        asker: Asker,
        models: Models,
        presence: Presence,
        *,
        default: Language,
        max_tokens: int,
        on: bool = True,
        quiet_s: float = _QUIET_S,
    ) -> None:
        self._conversations = conversations
        self._store = store
        self._asker = asker
        self._models = models
        self._presence = presence
        self._default: Language = default
        self._max_tokens = max_tokens
        self.on = on
        self.quiet_s = quiet_s
        self._afterwards = Afterwards(self._sum_up_of, "the conversation of %s is not summed up")
        self._useless: set[str] = set()
        """Turns whose part came to nothing since the start; it is not asked for again."""

    def look(self, turn_id: str) -> None:
        """An answer has ended: sum up what will have to leave, if anything will soon."""
        if self.on:
            self._afterwards.want(turn_id)

    async def stop(self) -> None:
        await self._afterwards.stop()

    async def done(self) -> None:
        """Wait until nothing is left to be summed up."""
        await self._afterwards.done()

    async def _sum_up_of(self, turn_id: str) -> None:
        for part in await asyncio.to_thread(self._due, turn_id):
            await self._presence.quiet(self.quiet_s)
            if not self.on:
                return
            await self._sum_up(part)

    async def _sum_up(self, part: Sequence[Turn]) -> None:
        language = language_of_text(part[0].question, self._default)
        text = "\n".join(_said(turn, language) for turn in part)
        found = await self._asker.ask(
            "summary", language, {"text": text}, owner="summaries", model=part[-1].model or None
        )
        if summary := summary_in(found.text, text, language):
            await asyncio.to_thread(self._store.keep, [one.id for one in part], summary, found.version.id)
        else:
            self._useless |= {one.id for one in part}

    def _due(self, turn_id: str) -> list[list[Turn]]:
        """The parts of its branch that are still to be summed up: of what has left, and of what will soon."""
        try:
            turn = self._conversations.turn(turn_id)
            window = self._models.chat_model(turn.model or None).context_window
            room = window - min(self._max_tokens, window // 4)
            is_near = turn.usage.prompt_tokens + turn.usage.completion_tokens >= _NEAR * room
            if turn.status != "done" or not (is_near or turn.dropped_turns):
                return []
            path = self._conversations.path(turn.conversation_id, turn_id)
        except NotFound:
            return []  # deleted meanwhile
        answered, leave = [one for one in path if one.answer.strip()], turn.dropped_turns
        if is_near:
            leave = len(answered) - _staying(answered[leave:])
        leaving = answered[:leave]
        known = {id for one in self._store.of([turn.id for turn in leaving]) for id in one.sources} | self._useless
        most = min(_MOST, window * _BYTES_A_TOKEN)
        return [part for part in _parts(leaving, known, most) if _size(part) >= _LEAST]


def _staying(answered: Sequence[Turn]) -> int:
    """How many of them, the newest, stay when something has to leave."""
    sizes = [len(f"{one.question}{one.answer}".encode()) for one in reversed(answered)]
    total, stays = sum(sizes), 0
    for count, size in enumerate(sizes):
        stays += size
        if stays > _STAYS * total:
            return max(1, count)
    return len(sizes)


def _parts(turns: Sequence[Turn], known: set[str], most: int) -> Iterator[list[Turn]]:
    """What is not known yet, cut where it gets too long."""
    part: list[Turn] = []
    size = 0
    for turn in turns:
        more = _size([turn])
        if part and (turn.id in known or size + more > most):
            yield part
            part, size = [], 0
        if turn.id not in known:
            part.append(turn)
            size += more
    if part:
        yield part


def _size(part: Sequence[Turn]) -> int:
    return sum(len(_said(turn, "en").encode()) for turn in part)


def _said(turn: Turn, language: Language) -> str:
    files = "".join(f" [{one.name}]" for one in turn.attachments)
    return between_lines(f"{_PERSON[language]}: {turn.question[:_READ]}{files}")


def summary_in(text: str, said: str, language: Language) -> str:
    """Whole sentences in the language of the conversation that what was said bears out, each once; empty where there
    are none."""
    whole = _cut(text, _LONGEST, said)
    return whole if len(whole) > 1 and language_of_text(whole, language) == language else ""


def borne_out(sentence: str, said: str) -> bool:
    """Whether at least half of its telling words, and all of its numbers, were said."""
    told, there = [stem for stem in asked(sentence) if stem not in SPEAKER], set(stems(said))
    if not told or not set(_NUMBER.findall(sentence)) <= set(_NUMBER.findall(said)):
        return False
    return 2 * sum(stem in there for stem in told) >= len(told)


def _cut(text: str, room: int, said: str | None = None) -> str:
    """As many whole sentences as fit into `room` bytes; of what was `said`, where that is to be looked at."""
    sentences = dict.fromkeys(one for one in _BETWEEN.split(" ".join(text.split())) if _ENDS.search(one))
    kept = ""
    for one in sentences:
        if said is not None and not borne_out(one, said):
            continue
        more = f"{kept}{'' if not kept or kept[-1] in '。！？”’）」' else ' '}{one}"
        if len(more.encode()) > room:
            break
        kept = more
    return kept


def shown(summaries: Sequence[Summary], left: Sequence[Turn], room: int, before: float) -> Earlier:
    """What the model reads in the place of the turns that have `left`, in at most `room` bytes: of what was made
    `before` they left, so that it stays the same. The oldest goes first."""
    ids, lines, read = {one.id for one in left}, list[str](), list[str]()
    for one in reversed([one for one in summaries if one.sources <= ids and one.made_at <= before]):
        if not (line := _cut(one.text, room)):
            break
        lines.append(line)
        read.append(one.turn_id)
        room -= len(line.encode()) + 1
    return Earlier("\n".join(reversed(lines)), tuple(reversed(read)))


def reaching(summaries: Sequence[Summary], turns: Sequence[Turn], leave: int) -> int:
    """How many turns leave at least where `leave` have to, so that no part that is summed up is cut in two."""
    places = {one.id: place for place, one in enumerate(turns)}
    for one in summaries:
        inside = sorted(places[id] for id in one.sources if id in places)
        if inside and inside[0] < leave <= inside[-1] < len(turns) - 1:
            return inside[-1] + 1
    return leave
