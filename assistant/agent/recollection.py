"""What the model is reminded of with the newest question: what was said before, in other conversations, and what holds.

It stands with that question and nowhere else, so that all before it stays as it was and need not be read again. What is
not clearly about the question is left out: an answer without memories is better than one with the wrong ones.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from assistant.agent.fact_choice import about, cost
from assistant.events import GivenFact, Remembered
from assistant.i18n import Language
from assistant.knowledge.framing import as_name
from assistant.memory.facts import FactStore
from assistant.memory.ranking import Weights
from assistant.memory.recall import Recall
from assistant.memory.recollections import RecollectionStore
from assistant.memory.records import Fact, Recalled, Turn, Utterance
from assistant.memory.utterances import SHARED, UtteranceStore
from assistant.prompting.library import PromptLibrary

_log = logging.getLogger(__name__)
_CONSIDERED: Final = 12
_SHARE: Final = 8
"""At most an eighth of the window is filled with memories."""
_MOST_TOKENS: Final = 800
_FACTS: Final = 3
"""Of what is left beside the standing ones, at most a third is filled with facts that are asked about."""
_BYTES_A_TOKEN: Final = 3
"""Fewer than a token has on average, so that what is estimated fits."""
_AROUND_LINE: Final = 30
_LONGEST: Final = 400
"""Characters of an utterance that are shown; of one around it, half as many."""
_WORDS: Final = 0.35
"""Share of what is asked that must occur in an utterance, the most telling of its words among them where nobody tells
anything, or """
_MEANING: Final = 0.5
"""its cosine with the question, whitened."""
_RECALLS: Final = re.compile(
    r"\b(?:sa(?:y|id)|t(?:ell|old)|talk(?:ed)?|mention(?:ed)?|answer(?:ed)?|suggest(?:ed)?|recommend(?:ed)?|advised?"
    r"|discuss(?:ed)?|earlier|before|last time|ago)\b"
    r"|怎么说|[说讲提聊答]过|[说讲]的|提到|回答[过的]|推荐[过的]|建议[过的]|上次|之前|以前|刚才",
    re.IGNORECASE,
)
"""A question about what was said."""
_KINDS: Final = {
    "words": ("words", "words_best", "rare", "window", "window_best"),
    "meaning": ("meaning", "meaning_best", "both"),
    "neighbours": ("before", "after", "meaning_before", "meaning_after", "answers"),
    "conversation": ("conversation_words", "conversation_window", "conversation_meaning"),
    "speaker": ("speaker", "own"),
    "time": ("time", "when", "counts", "dated"),
}
_SHOWN_KINDS: Final = 3


@dataclass(frozen=True, slots=True)
class Reminder:
    """Text to stand before a question, and what is in it."""

    text: str = ""
    remembered: tuple[Remembered, ...] = ()
    facts: tuple[GivenFact, ...] = ()


class Recollection:
    """Built once. `on` may be changed at any time; whatever fails is logged and costs no answer."""

    def __init__(
        self,
        recall: Recall,
        utterances: UtteranceStore,
        store: RecollectionStore,
        facts: FactStore,
        prompts: PromptLibrary,
        *,
        on: bool = True,
        today: Callable[[], dt.date] = dt.date.today,
    ) -> None:
        self._recall = recall
        self._utterances = utterances
        self._store = store
        self._facts = facts
        self._prompts = prompts
        self._today = today
        self.on = on

    async def remind(
        self, newest: Turn, shown: Sequence[Turn], language: Language, window: int, *, facts_only: bool = False
    ) -> Reminder:
        """For the answer to `newest`, where the turns `shown` are in the prompt already; `window` is in tokens. With
        `facts_only` of nothing that was said in other conversations."""
        if not self.on:
            return Reminder()
        try:
            return await asyncio.to_thread(
                self._remind, newest, {one.id for one in shown}, language, window, facts_only
            )
        except Exception:
            _log.exception("turn %s is answered without memories", newest.id)
            return Reminder()

    async def take_back(self, turn_id: str) -> None:
        """What was to be read with this turn was not."""

        def forget() -> None:
            self._store.keep(turn_id, (), ())
            self._store.keep_facts(turn_id, ())

        await asyncio.to_thread(forget)

    def _remind(self, newest: Turn, shown: set[str], language: Language, window: int, facts_only: bool) -> Reminder:
        scope = self._utterances.scope(newest.conversation_id, newest.person_id)
        if scope is None or not newest.question.strip():
            return Reminder()
        asker = _Asker(newest.person_id, is_in_group=scope.startswith(SHARED))
        room = min(window // _SHARE, _MOST_TOKENS) * _BYTES_A_TOKEN
        holding = self._facts.holding(scope, newest.person_id)
        standing = _fitting([fact for fact in holding if fact.pinned], room // 2)
        facts = [_given(fact, "standing", asker) for fact in standing]
        room -= sum(cost(fact, _AROUND_LINE) for fact in standing)
        if facts_only:
            self._store.keep_facts(newest.id, facts)
            return self._reminder(facts, {}, (), asker, language)
        found = self._recall.recall(newest.question, scope, limit=_CONSIDERED, today=self._today())
        seen = shown | {newest.id, *newest.siblings}
        considered = [one for one in found if one.utterance.turn_id not in seen]
        recalls = bool(_RECALLS.search(newest.question))
        telling = [one for one in considered if _tells(one, recalls=recalls)]
        others = [fact for fact in holding if not fact.pinned and asker.may_be_told(fact)]
        said = {one.utterance.turn_id: _worth(one) for one in telling if one.utterance.role == "user"}
        told = about(newest.question, others, said, room // _FACTS, _AROUND_LINE)
        facts += [_given(fact, "asked", asker) for fact in told]
        room -= sum(cost(fact, _AROUND_LINE) for fact in told)
        chosen = self._chosen(telling, seen, room, asker)
        old = self._facts.superseded_in([one.turn_id for one in chosen])
        remembered = tuple(replace(one, superseded=one.turn_id in old and one.role == "user") for one in chosen)
        if considered:
            self._store.keep(newest.id, considered, remembered)
        self._store.keep_facts(newest.id, facts)
        days = {fact.id: dated(fact.valid_from) for fact in told}
        return self._reminder(facts, days, remembered, asker, language)

    def _chosen(self, telling: Sequence[Recalled], seen: set[str], room: int, asker: _Asker) -> list[Remembered]:
        """The most telling for the room there is, each with what it follows, in the order they were said."""
        chosen: dict[int, Remembered] = {}
        before = {one.id: one for one in self._utterances.read(_previous(telling))}
        for recalled in telling:
            said = recalled.utterance
            pieces = [_shown(said, why(recalled, self._recall.weights), _LONGEST, asker)]
            earlier = before.get(said.previous_id or 0)
            if earlier is not None and earlier.turn_id not in seen and earlier.text.strip():
                pieces.insert(0, _shown(earlier, ("around",), _LONGEST // 2, asker))
            new = [one for one in pieces if one.utterance_id not in chosen]
            cost = sum(len(one.text.encode()) + _AROUND_LINE for one in new)
            if cost > room:
                continue
            room -= cost
            for one in pieces:
                if one.utterance_id not in chosen or chosen[one.utterance_id].why == ("around",):
                    chosen[one.utterance_id] = one
        return sorted(chosen.values(), key=lambda one: (one.said_at, one.utterance_id))

    def _reminder(
        self,
        facts: Sequence[GivenFact],
        days: Mapping[str, str],
        remembered: Sequence[Remembered],
        asker: _Asker,
        language: Language,
    ) -> Reminder:
        """`days` are those on which the facts were said that do not hold for every answer."""

        def block(prompt: str, lines: Iterable[str]) -> str:
            text = "\n".join(lines)
            return self._prompts.get(prompt, language).render(lines=text) if text else ""

        outdated = self._prompts.get("outdated", language).render()
        lines = {one.fact_id: _fact_line(one, days.get(one.fact_id, "")) for one in facts}
        blocks = [
            block("known", (lines[one.fact_id] for one in facts if not one.speaker)),
            block("known-others", (lines[one.fact_id] for one in facts if one.speaker)),
            block("recalled-group" if asker.is_in_group else "recalled", (_line(one, outdated) for one in remembered)),
        ]
        return Reminder("\n\n".join(filter(None, blocks)), tuple(remembered), tuple(facts))


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks now; None is the owner at this machine."""

    person_id: str | None
    is_in_group: bool

    def is_another(self, person_id: str | None) -> bool:
        return self.is_in_group and person_id != self.person_id

    def may_be_told(self, fact: Fact) -> bool:
        """What another person wants of answers to them is no concern of this one's."""
        return fact.kind == "fact" or not self.is_another(fact.person_id)


def _tells(recalled: Recalled, *, recalls: bool) -> bool:
    """What a person told may speak of it in other words. A question tells nothing by itself, and an answer of the
    model's own is soon said again of whatever is asked in the same form: both have to name what is asked about, which
    in a question that `recalls` what was said may be a word less telling than that."""
    signals, said = recalled.signals, recalled.utterance
    if signals["meaning"] >= _MEANING:
        return True
    is_told = said.role == "user" and not signals["asks"]
    return signals["words"] >= _WORDS and (is_told or recalled.names or (recalls and signals["rare"] > 0))


def _worth(recalled: Recalled) -> float:
    return min(1.0, max(recalled.signals["words"], recalled.signals["meaning"]))


def _given(fact: Fact, why: Literal["standing", "asked"], asker: _Asker) -> GivenFact:
    speaker = fact.speaker if asker.is_another(fact.person_id) else ""
    return GivenFact(fact.id, fact.text, why, fact.turn_id, speaker)


def _previous(found: Iterable[Recalled]) -> list[int]:
    return [one.utterance.previous_id for one in found if one.utterance.previous_id is not None]


def why(recalled: Recalled, weights: Weights) -> tuple[str, ...]:
    by_name = weights.as_dict()
    shares = {kind: sum(by_name[name] * recalled.signals[name] for name in names) for kind, names in _KINDS.items()}
    strongest = sorted(shares, key=lambda kind: -shares[kind])
    return tuple(kind for kind in strongest if shares[kind] > 0)[:_SHOWN_KINDS]


def _shown(said: Utterance, why: tuple[str, ...], longest: int, asker: _Asker) -> Remembered:
    return Remembered(
        said.id,
        said.turn_id,
        said.conversation_id,
        said.title,
        said.role,
        said.text if len(said.text) <= longest else f"{said.text[:longest].rstrip()}…",
        said.said_at,
        why,
        speaker=said.speaker if said.role == "user" and asker.is_another(said.person_id) else "",
    )


def _fitting(facts: Sequence[Fact], room: int) -> list[Fact]:
    kept: list[Fact] = []
    for fact in facts:
        room -= cost(fact, _AROUND_LINE)
        if room < 0:
            break
        kept.append(fact)
    return kept


def _line(one: Remembered, outdated: str) -> str:
    mark = f" {outdated}" if one.superseded else ""
    return f"[{dated(one.said_at)}]{mark} {as_name(one.speaker) or one.role}: {_one_line(one.text)}"


def _fact_line(one: GivenFact, day: str) -> str:
    head = f"[{day}] " if day else ""
    return f"- {head}{f'{as_name(one.speaker)}: ' if one.speaker else ''}{_one_line(one.text)}"


def dated(said_at: float) -> str:
    """The local day of it."""
    return dt.datetime.fromtimestamp(said_at).date().isoformat()


def _one_line(text: str) -> str:
    return " ".join(text.split())
