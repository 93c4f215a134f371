"""What of a person's documents is read with a question: found, chosen, and kept with the turn before it is answered.

Automatic, a conversation is answered from documents where the search is sure that they hold an answer; always, it is
said where they do not, and no model is asked to make something up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

import numpy as np
from langchain_core.embeddings import Embeddings

from assistant.agent.citing import Citing
from assistant.agent.following import searched
from assistant.agent.rewriting import Rewriting
from assistant.agent.stream import Answer
from assistant.errors import InternalFault, StorageError
from assistant.events import Cited, CitedPassage, Event, Grounds, Token
from assistant.i18n import Language, language_of_text
from assistant.knowledge.adding import added
from assistant.knowledge.excerpts import Excerpt, excerpts
from assistant.knowledge.framing import framed
from assistant.knowledge.retriever import Answer as Found
from assistant.knowledge.shelf import Shelf
from assistant.knowledge.source import tokens
from assistant.memory.document_records import Chunk, Document, Filter
from assistant.memory.grounds import GroundStore
from assistant.memory.records import DocumentChoice, Turn
from assistant.prompting.library import PromptLibrary
from assistant.prompting.template import PromptVersion

_log = logging.getLogger(__name__)
_LOOKED_FOR: Final = 12
_REACH: Final = 1
_MOST_TOKENS: Final = 900.0
_SHARE: Final = 4
"""At most a quarter of the window is filled with passages."""
_NEAREST: Final = 3
_SAID: Final = 0.5
"""Part of the question's words from which on a passage of the one document that is asked about is a good one."""


@dataclass(frozen=True, slots=True)
class Material:
    """What an answer is to rest on. `question` is what was searched for, with what it leans on."""

    grounds: Grounds
    question: str
    language: Language
    alone: bool = False
    """Whether it is all that the answer may rest on."""

    @property
    def is_refused(self) -> bool:
        return self.grounds.outcome == "refused"

    def within(self, window: int) -> Material:
        """As much of it as a window of so many tokens has room for; the best passage is always read."""
        room, kept = window / _SHARE, list[CitedPassage]()
        for one in self.grounds.passages:
            room -= tokens(one.text)
            if kept and room < 0:
                break
            kept.append(one)
        return replace(self, grounds=replace(self.grounds, passages=tuple(kept)))

    @property
    def passages(self) -> str:
        """As the model reads them."""
        return framed([(one.header or one.name, one.text) for one in self.grounds.passages])


class Grounding:
    """Built once. What fails is logged and costs no answer."""

    def __init__(
        self,
        shelf: Shelf,
        store: GroundStore,
        embeddings: Embeddings,
        prompts: PromptLibrary,
        default: Language,
        reads: Callable[[str], bool] = lambda person_id: True,
        rewriting: Rewriting | None = None,
    ) -> None:
        """`reads` says whether answers to somebody who came in through a messenger may rest on documents. Without
        `rewriting` a question is looked for together with those it leans on."""
        self._reads = reads
        self._rewriting = rewriting
        self._shelf = shelf
        self._store = store
        self._embeddings = embeddings
        self._prompts = prompts
        self._default = default

    async def find(self, path: Sequence[Turn], model: str | None = None) -> Material | None:
        """For the last turn of a branch, which `model` is to answer; None where it is not to be answered from
        documents. InternalFault where it is to be answered from nothing else and they cannot be searched."""
        try:
            choice = await asyncio.to_thread(self._choice, path[-1])
            if isinstance(choice, DocumentChoice):
                query = await self._rewriting.rewritten(path, model) if self._rewriting is not None else ""
                return await asyncio.to_thread(self._find, path, choice, query)
            return await asyncio.to_thread(self._find_in, path, choice) if choice else None
        except Exception as error:
            _log.exception("turn %s cannot be answered from documents", path[-1].id)
            choice = await asyncio.to_thread(self._store.choice, path[-1].conversation_id)
            if choice.mode == "always":
                raise InternalFault(reason=type(error).__name__) from error
            return None

    def refusal(self, material: Material) -> PromptVersion:
        """What is said where the documents do not hold what was asked for."""
        return self._prompts.get("not-in-documents", material.language)

    def citing(self, material: Material) -> Citing:
        """Of an answer that is to rest on documents alone nothing stands that they do not say at all."""
        instead = self.refusal(material).render() if material.alone else ""
        return Citing(material.grounds, material.question, _Likeness(self._embeddings), instead)

    async def keep(self, turn_id: str, grounds: Grounds) -> None:
        """What a turn is to rest on, before it is answered."""
        await asyncio.to_thread(self._store.keep, turn_id, grounds)

    async def cited(self, turn_id: str, answer: Answer) -> list[Event]:
        """Put the checked numbers into an answer that has ended, keep what its sentences rest on, and tell of it."""
        if answer.citing is None:
            return []
        citing, answer.citing = answer.citing, None
        more, whole, grounds = await citing.end()
        answer.pieces[:] = [whole]
        try:
            if grounds.outcome == "refused":
                await asyncio.to_thread(self._store.keep, turn_id, grounds)
            await asyncio.to_thread(self._store.tie, turn_id, grounds.sentences)
        except StorageError as error:
            # The answer itself is kept next, and that is where a full disk is told of.
            _log.warning("what turn %s rests on is not kept: %s", turn_id, error)
        return [*([Token(turn_id, more)] if more else []), Cited(turn_id, whole, grounds)]

    def _choice(self, newest: Turn) -> DocumentChoice | str | None:
        """Where to look: as its conversation says, in the document of this id, or nowhere."""
        if not newest.question.strip() or (newest.person_id is not None and not self._reads(newest.person_id)):
            return None
        if (document_id := self._store.asked_about(newest.id)) is not None:
            return document_id
        choice = self._store.choice(newest.conversation_id)
        if choice.mode == "never":
            return None
        if choice.mode == "auto" and (newest.attachments or not self._store.has_documents()):
            return None  # a file that is sent along is what the question is about
        return choice

    def _find(self, path: Sequence[Turn], choice: DocumentChoice, query: str) -> Material | None:
        """`query` is the question written out, where it was."""
        newest = path[-1]
        question, *alone = (f"{newest.question}\n{query}",) if query else searched(path)
        limits = Filter(collection=choice.collection)
        found = self._shelf.search(question, _LOOKED_FOR, limits)
        for one in alone:
            other = self._shelf.search(one, _LOOKED_FOR, limits)
            found = replace(found, passages=added(found.passages, other.passages, _LOOKED_FOR))
        if choice.mode == "auto" and not found.is_answered:
            return None
        language = language_of_text(newest.question, self._default)
        if not found.is_answered:
            nearest = excerpts(found.passages[:_NEAREST], (), _MOST_TOKENS)
            grounds = Grounds("refused", found.confidence, _cited(nearest))
        else:
            grounds = self._chosen(found)
        return Material(grounds, question, language, choice.mode == "always")

    def _find_in(self, path: Sequence[Turn], document_id: str) -> Material | None:
        """In the one document that came with the question. One that asks for the whole of it ("what does it say?") has
        no words to be found by: then it is read from its beginning."""
        newest = path[-1]
        found = self._shelf.search(newest.question, _LOOKED_FOR, Filter(document_id=document_id))
        has_words = max((one.signals.words for one in found.passages), default=0.0) >= _SAID
        if found.is_answered or has_words:
            grounds = self._chosen(found)
        else:
            passages = _opening(self._shelf.document(document_id), self._shelf.chunks(document_id))
            grounds = Grounds("answered", found.confidence, passages)
        if not grounds.passages:
            return None
        return Material(grounds, newest.question, language_of_text(newest.question, self._default))

    def _chosen(self, found: Found) -> Grounds:
        beside = self._shelf.store.beside([one.chunk.id for one in found.passages], _REACH)
        return Grounds("answered", found.confidence, _cited(excerpts(found.passages, beside, _MOST_TOKENS)))


class _Likeness:
    """Vectors of texts, each made once. Where none can be made nothing is like anything: a sentence in a language other
    than its passage's is weak then, and costs no answer."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        self._known: dict[str, list[float]] = {}

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            try:
                self._known |= dict(zip(new, self._embeddings.embed_documents(new), strict=True))
            except Exception as error:
                _log.warning("what is said in different languages cannot be compared: %s", error)
                return np.zeros((len(texts), 1), np.float32)
        return np.asarray([self._known[text] for text in texts], np.float32)


def _opening(document: Document, chunks: Sequence[Chunk]) -> tuple[CitedPassage, ...]:
    """How a document begins, a passage a chunk."""
    room, read = _MOST_TOKENS, list[Excerpt]()
    for chunk in chunks:
        room -= tokens(chunk.text)
        if read and room < 0:
            break
        read.append(Excerpt(document, (chunk,), chunk, 0.0))
    return _cited(read)


def _cited(found: Sequence[Excerpt]) -> tuple[CitedPassage, ...]:
    return tuple(
        CitedPassage(
            number=number,
            document_id=one.document.id,
            name=_name(one.document.source),
            header=one.found.header,
            text=one.text,
            start=one.chunks[0].start,
            end=one.chunks[-1].end,
            first_line=one.chunks[0].first_line,
            last_line=one.chunks[-1].last_line,
            first_page=one.chunks[0].first_page,
            last_page=one.chunks[-1].last_page,
            score=round(one.score, 4),
            chunk_id=one.found.id,
        )
        for number, one in enumerate(found, start=1)
    )


def _name(source: str) -> str:
    """That of a file, or what pasted text is called."""
    path = PurePath(source)
    return path.name if path.is_absolute() else source
