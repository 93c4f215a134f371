"""A prompt version: Markdown with front matter, named by the hash of what it says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from jinja2 import StrictUndefined, TemplateSyntaxError, meta
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import PromptInvalid, PromptVariables
from assistant.i18n import Language

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False, autoescape=False)


class FrontMatter(BaseModel):
    """The head of a prompt file; an unknown key is a mistake and refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    language: Language
    purpose: Annotated[str, Field(min_length=1)]
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """Immutable. `id` is the first 12 hex digits of the sha256 of everything that can change an answer."""

    id: str
    name: str
    language: Language
    purpose: str
    variables: tuple[str, ...]
    text: str
    origin: Path

    def render(self, **values: str) -> str:
        """The prompt with its variables filled in; PromptVariables names every one missing or not declared."""
        missing = tuple(sorted(set(self.variables) - set(values)))
        undeclared = tuple(sorted(set(values) - set(self.variables)))
        if missing or undeclared:
            raise PromptVariables(prompt=f"{self.name}.{self.language}", missing=missing, undeclared=undeclared)
        try:
            return _ENVIRONMENT.from_string(self.text).render(**values)
        except (UndefinedError, SecurityError) as error:
            raise PromptInvalid(path=str(self.origin), reason=str(error)) from error


def parse(path: Path) -> PromptVersion:
    """Read one file; PromptInvalid says what is wrong with it, PromptVariables which variable was not declared."""
    try:
        source = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptInvalid(path=str(path), reason=str(error)) from error
    lines = source.splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in (line.strip() for line in lines[1:]):
        raise PromptInvalid(path=str(path), reason="it does not begin with front matter between two lines of ---")
    end = next(number for number, line in enumerate(lines[1:], 1) if line.strip() == "---")
    try:
        head = FrontMatter.model_validate(yaml.safe_load("\n".join(lines[1:end])) or {})
    except (yaml.YAMLError, ValidationError) as error:
        raise PromptInvalid(path=str(path), reason=str(error)) from error
    text = "\n".join(lines[end + 1 :]).strip()
    if not text:
        raise PromptInvalid(path=str(path), reason="it has no text")
    try:
        used = meta.find_undeclared_variables(_ENVIRONMENT.parse(text))
    except TemplateSyntaxError as error:
        raise PromptInvalid(path=str(path), reason=f"line {error.lineno}: {error.message}") from error
    if undeclared := tuple(sorted(used - set(head.variables))):
        raise PromptVariables(prompt=f"{head.name}.{head.language}", missing=(), undeclared=undeclared)
    return PromptVersion(
        id=_hash(head, text),
        name=head.name,
        language=head.language,
        purpose=head.purpose,
        variables=head.variables,
        text=text,
        origin=path,
    )


def _hash(head: FrontMatter, text: str) -> str:
    content = json.dumps([head.purpose, head.language, sorted(head.variables), text], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:12]
