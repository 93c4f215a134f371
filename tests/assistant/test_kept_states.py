"""What is deleted is in no state that a model keeps on disk: looked for in the raw bytes and in the words its tokens
spell, after real answers of the real model."""

from __future__ import annotations

import array
import ctypes
import json
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from assistant.api import Assistant
from assistant.config import ConversationSettings, DocumentSettings, EngineSettings, MemorySettings, Sampling, Settings
from assistant.events import TurnFailed
from assistant.memory.records import Conversation
from assistant.paths import Paths
from assistant.wiring import build

if TYPE_CHECKING:
    from llama_cpp import Llama

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

LOCKER, PARTY, BOAT, HIDDEN = "xylophonist", "quetzalcoatl", "zaphodbeeble", "mxyzptlk"
SETTINGS = Settings(
    engine=EngineSettings(context=2048, parallel=2, recast=False),
    conversations=ConversationSettings(titles=False),
    memory=MemorySettings(facts=False),
    documents=DocumentSettings(relations=False),
)
"""Nothing but answers is written."""


@dataclass(frozen=True)
class Searcher:
    """Finds a word in the states of a home."""

    paths: Paths
    vocabulary: Llama

    def __call__(self, word: str) -> list[str]:
        wanted = word.encode()
        files = [path for path in self.paths.states.rglob("*") if path.is_file()] if self.paths.states.is_dir() else []
        return [path.name for path in files if wanted in path.read_bytes().lower() + self._spoken(path).lower()]

    def _spoken(self, file: Path) -> bytes:
        """The words of the tokens that a state is the state after."""
        if file.suffix != ".kv":
            return b""
        with file.open("rb") as state:
            head = json.loads(state.readline())
            tokens = array.array("i", state.read(4 * int(head["tokens"]))).tolist()
        return bytes(self.vocabulary.detokenize(tokens, special=True))


@pytest.fixture(scope="module")
def vocabulary(real_model: Path) -> Llama:
    import llama_cpp
    from llama_cpp._logger import llama_log_callback

    # Whoever listened to the library in this process before may be gone; it would go on calling them.
    llama_cpp.llama_log_set(llama_log_callback, ctypes.c_void_p(0))
    return llama_cpp.Llama(str(real_model), vocab_only=True, verbose=False)


@pytest.fixture
def holding(paths: Paths, vocabulary: Llama) -> Searcher:
    return Searcher(paths, vocabulary)


async def ask(assistant: Assistant, model: Path, conversation: Conversation, question: str) -> str:
    sampling = Sampling(temperature=0, max_tokens=4)
    events = await assistant.reply(conversation.id, question, face="page", model=str(model), sampling=sampling)
    seen = [event async for event in events]
    assert not any(isinstance(event, TurnFailed) for event in seen), seen
    return (await assistant.history(conversation.id))[-1].id


@dataclass(frozen=True)
class Lived:
    """A home whose models have kept what was said, read and known in it; the ids of that."""

    home: Path
    said: str
    turn: str
    asked: str
    fact: str
    document: str
    collection: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(real_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    home = tmp_path_factory.mktemp("lived") / "home"
    async with build(Paths(home, home / "models"), SETTINGS) as assistant:
        said, asked, read = [await assistant.new_conversation() for _ in range(3)]
        turn = await ask(assistant, real_model, said, f"The word of my bicycle locker is {LOCKER}, do not lose it.")
        fact = await assistant.memory.add(f"my boat is called {BOAT}")
        assert fact is not None
        await ask(assistant, real_model, asked, "What is the word of my bicycle locker?")
        party = await assistant.documents.add_text("party", f"The password of the garden party is {PARTY}.")
        async for _ in assistant.documents.progress():
            pass
        await ask(assistant, real_model, read, "What is the password of the garden party?")
        collection = (await assistant.documents.collections())[0].id
    return Lived(home, said.id, turn, asked.id, fact.id, party.id, collection)


async def test_nothing_deleted_stays_in_a_kept_state_of_any_conversation(
    paths: Paths, lived: Lived, holding: Searcher
) -> None:
    ways: dict[str, tuple[str, Callable[[Assistant], Awaitable[object]]]] = {
        "fact": (BOAT, lambda assistant: assistant.memory.forget(lived.fact)),
        "facts": (BOAT, lambda assistant: assistant.memory.forget_all()),
        "document": (PARTY, lambda assistant: assistant.documents.remove(lived.document)),
        "collection": (PARTY, lambda assistant: assistant.documents.remove_collection(lived.collection)),
        "turn": (LOCKER, lambda assistant: assistant.delete_turn(lived.turn)),
        "conversation": (LOCKER, lambda assistant: assistant.delete(lived.said)),
    }
    for way, (secret, delete) in ways.items():
        shutil.rmtree(paths.home, ignore_errors=True)
        shutil.copytree(lived.home, paths.home)
        async with build(paths, SETTINGS) as assistant:
            assert len(holding(secret)) >= (1 if secret == PARTY else 2), "it was in too few states to begin with"
            await delete(assistant)
            assert holding(secret) == [], way


async def test_nothing_deleted_comes_back_from_the_memory_of_a_running_model_nor_from_a_temporary_conversation(
    paths: Paths, real_model: Path, lived: Lived, holding: Searcher
) -> None:
    shutil.copytree(lived.home, paths.home)
    async with build(paths, SETTINGS) as assistant:
        hidden = await assistant.new_conversation(temporary=True)
        await ask(assistant, real_model, hidden, f"Nobody may know that I like {HIDDEN}.")
        await ask(assistant, real_model, await assistant.conversation(lived.asked), "Say it again.")
        await assistant.delete(lived.said)
        kept = await assistant.new_conversation()
        await ask(assistant, real_model, kept, "What do you know?")
    assert holding(LOCKER) == [], "what it held in memory was put away when it ended"
    assert holding(HIDDEN) == [], "what was temporary was put away"
    assert len(holding(BOAT)) == 1, "nothing is kept any more"
