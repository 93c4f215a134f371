"""Prompts and tasks that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assistant.errors.base import AssistantError


class PromptError(AssistantError):
    """A prompt file or its rendering is wrong."""


@dataclass(eq=False)
class PromptUnknown(PromptError):
    name: str
    known: tuple[str, ...]


@dataclass(eq=False)
class PromptInvalid(PromptError):
    path: str
    reason: str


@dataclass(eq=False)
class PromptVariables(PromptError):
    """`missing` were declared but not given; `undeclared` were given or used but not declared."""

    prompt: str
    missing: tuple[str, ...]
    undeclared: tuple[str, ...]


@dataclass(eq=False)
class TaskInvalid(PromptError):
    """`line` is 0 where no line of the file is meant."""

    path: Path
    line: int
    reason: str
