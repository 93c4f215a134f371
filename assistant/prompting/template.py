"""A prompt version: Markdown with front matter, named by the hash of what it says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import yaml
from jinja2 import StrictUndefined, TemplateSyntaxError, meta
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import PromptInvalid, PromptVariables
from assistant.i18n import Language
from assistant.prompting.candidate import Candidate

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False, autoescape=False)
_SLOT: Final = "instruction"


class FrontMatter(BaseModel):
    """The head of a prompt file; an unknown key is a mistake and refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    language: Language
    purpose: Annotated[str, Field(min_length=1)]
    variables: tuple[str, ...] = ()
    instruction: str = ""
    """What stands in the place of `{{ instruction }}` until something better has been learned. All the rest is fixed.
    """


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
    instruction: str = ""
    """Of the slot that learning may fill; empty where there is no such slot."""
    learned: Candidate | None = None
    """What fills it instead; its examples are shown before the conversation."""
    parent_id: str | None = None

    def taught(self, learned: Candidate) -> PromptVersion:
        """This prompt with what was learned in its slot, and nothing else changed. PromptInvalid without a slot."""
        if not self.instruction:
            raise PromptInvalid(path=str(self.origin), reason="it has no slot for an instruction")
        digest = hashlib.sha256(f"{self.id} {learned.id}".encode()).hexdigest()[:12]
        return replace(self, id=digest, learned=learned, parent_id=self.id)

    @property
    def shown(self) -> str:
        """What a person reads of it: with the instruction that came with it, but with an open slot where something was
        learned instead."""
        return self.text if self.learned else self.text.replace(f"{{{{ {_SLOT} }}}}", self.instruction)

    def render(self, **values: str) -> str:
        """The prompt with its variables filled in; PromptVariables names every one missing or not declared."""
        if self.instruction:
            values = {_SLOT: self.learned.instruction if self.learned else self.instruction, **values}
        missing = tuple(sorted(self._names - set(values)))
        undeclared = tuple(sorted(set(values) - self._names))
        if missing or undeclared:
            raise PromptVariables(prompt=f"{self.name}.{self.language}", missing=missing, undeclared=undeclared)
        try:
            return _ENVIRONMENT.from_string(self.text).render(**values)
        except (UndefinedError, SecurityError) as error:
            raise PromptInvalid(path=str(self.origin), reason=str(error)) from error

    @property
    def _names(self) -> set[str]:
        return {*self.variables, *((_SLOT,) if self.instruction else ())}


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
    if bool(head.instruction.strip()) != (_SLOT in used):
        raise PromptInvalid(path=str(path), reason="an instruction needs a place {{ instruction }}, and the other way")
    if undeclared := tuple(sorted(used - {*head.variables, _SLOT})):
        raise PromptVariables(prompt=f"{head.name}.{head.language}", missing=(), undeclared=undeclared)
    return PromptVersion(
        id=_hash(head, text),
        name=head.name,
        language=head.language,
        purpose=head.purpose,
        variables=head.variables,
        text=text,
        origin=path,
        instruction=head.instruction.strip(),
    )


def _hash(head: FrontMatter, text: str) -> str:
    said = [head.purpose, head.language, sorted(head.variables), text]
    content = json.dumps([*said, head.instruction.strip()] if head.instruction else said, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:12]
