"""What every command is handed: the home, the language, and two consoles."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from rich.console import Console

from assistant.config import Settings, load
from assistant.errors import SettingsError
from assistant.i18n import Catalogue, Language, system_language
from assistant.paths import Paths

T = TypeVar("T")
_PIPED_WIDTH: Final = 200
"""Columns of a table that no window limits."""


def catalogue() -> Catalogue:
    return Catalogue(Path(__file__).parent / "locales")


@dataclass(frozen=True, slots=True)
class Terminal:
    """Answers go to `out`; everything said about them goes to `err`, so that output can be piped."""

    paths: Paths
    language: Language
    sentences: Catalogue
    out: Console
    err: Console

    @classmethod
    def open(cls) -> Terminal:
        """For the environment of this process. Settings that cannot be read cost only their language here."""
        paths = Paths.default()
        try:
            chosen = load(paths).language
        except SettingsError:
            chosen = "auto"
        language = system_language() if chosen == "auto" else chosen
        out = Console(highlight=False)
        if not out.is_terminal:
            out.width = _PIPED_WIDTH
        return cls(paths, language, catalogue(), out, Console(stderr=True, highlight=False))

    def settings(self, flags: dict[str, Any] | None = None) -> Settings:
        return load(self.paths, flags)

    def text(self, key: str, **facts: object) -> str:
        return self.sentences.text(self.language, key, **facts)

    def say(self, key: str, **facts: object) -> None:
        """A sentence beside the output."""
        self.note(self.text(key, **facts))

    def note(self, text: str) -> None:
        # No markup: names and paths may hold square brackets. No wrapping: one sentence is one line.
        self.err.print(text, markup=False, soft_wrap=True)

    def write(self, text: str) -> None:
        """A line of output."""
        self.out.print(text, markup=False, soft_wrap=True)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)
