"""A prompt version: Markdown with front matter, named by the hash of what it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

import yaml
from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assistant.errors import PromptInvalid, PromptVariables
from assistant.i18n import Language
from assistant.memory.prompt_versions import Author
from assistant.prompting.candidate import Candidate, Demo, Form

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False, autoescape=False)
_SLOT: Final = "instruction"
_MESSAGE: Final = "message"


class AnswerRule(BaseModel):
    """What an answer is held to: in length by `tokens`, in form by `labels` (all answers there can be) or a `grammar`
    in GBNF. `metric` tells how right one is, for who has examples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Annotated[int, Field(ge=1, le=4096)] = 256
    labels: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    grammar: str = ""
    metric: str = "chrf"

    @model_validator(mode="after")
    def _is_one_form(self) -> AnswerRule:
        if self.labels and self.grammar:
            raise ValueError("labels are a grammar of their own: give either")
        return self

    @property
    def gbnf(self) -> str | None:
        """Allows nothing else; None where the answer is open."""
        return labels_grammar(self.labels) if self.labels else self.grammar or None


def labels_grammar(labels: Sequence[str]) -> str:
    """In GBNF, what allows one of these and nothing else."""
    # JSON escapes quotes, backslashes and line ends in the way GBNF reads them.
    return f"root ::= {' | '.join(json.dumps(label, ensure_ascii=False) for label in labels)}"


class Example(BaseModel):
    """An input, or several by their names, and what is right to answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: str | dict[str, str]
    output: Annotated[str, Field(min_length=1)]

    def as_demo(self) -> Demo:
        named = json.dumps(self.input, ensure_ascii=False) if isinstance(self.input, dict) else self.input
        return Demo(named, self.output)


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
    inputs: tuple[str, ...] = ()
    """What changes from question to question, the most important first; it stands in the `frame`."""
    frame: str = ""
    """The message that asks, with the inputs in it."""
    answer: AnswerRule | None = None
    examples: tuple[Example, ...] = ()
    """Shown before the question, until better ones have been learned."""


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
    inputs: tuple[str, ...] = ()
    frame: str = ""
    answer: AnswerRule | None = None
    examples: tuple[Demo, ...] = ()
    author: Author = "seed"
    """Of the file."""

    @property
    def demos(self) -> tuple[Demo, ...]:
        """The examples in force."""
        return self.learned.demos if self.learned else self.examples

    def taught(self, learned: Candidate) -> PromptVersion:
        """This prompt with what was learned in its slot, and nothing else changed. PromptInvalid without a slot."""
        if not self.instruction:
            raise PromptInvalid(path=str(self.origin), reason="it has no slot for an instruction")
        digest = hashlib.sha256(f"{self.id} {learned.id}".encode()).hexdigest()[:12]
        return replace(self, id=digest, learned=learned, parent_id=self.id)

    @property
    def as_candidate(self) -> Candidate:
        """What stands in its slot now: what was learned, or else what the file says. It has a form where its answers
        have a rule."""
        form: Form = "held" if self.answer is not None and self.answer.gbnf else "free"
        return self.learned or Candidate(self.instruction, self.examples, form=form)

    @property
    def shown(self) -> str:
        """What a person reads of it: with the instruction and the examples that came with it, but with an open slot
        where something was learned instead; the frame last."""
        text = self.text if self.learned else self.text.replace(f"{{{{ {_SLOT} }}}}", self.instruction)
        shown = () if self.learned else map(str, self.examples)
        return "\n\n".join(part for part in (text, *shown, self.frame) if part)

    def render(self, **values: str) -> str:
        """The prompt with its variables filled in; PromptVariables names every one missing or not declared."""
        if self.instruction:
            values = {_SLOT: self.learned.instruction if self.learned else self.instruction, **values}
        missing = tuple(sorted(self._names - set(values)))
        undeclared = tuple(sorted(set(values) - self._names))
        if missing or undeclared:
            raise PromptVariables(prompt=f"{self.name}.{self.language}", missing=missing, undeclared=undeclared)
        try:
            return _compiled(self.text).render(**values)
        except (UndefinedError, SecurityError) as error:
            raise PromptInvalid(path=str(self.origin), reason=str(error)) from error

    def framed(self, values: Mapping[str, str]) -> str:
        """The message that asks; an input that is not given is empty. PromptVariables names those that are none.

        A prompt without a frame takes one `message`, as it is."""
        if not self.frame and set(values) <= {_MESSAGE}:
            return values.get(_MESSAGE, "")
        if undeclared := tuple(sorted(set(values) - set(self.inputs))):
            raise PromptVariables(prompt=f"{self.name}.{self.language}", missing=(), undeclared=undeclared)
        given = {name: values.get(name, "") for name in self.inputs}
        try:
            return _compiled(self.frame).render(given)
        except (UndefinedError, SecurityError) as error:
            raise PromptInvalid(path=str(self.origin), reason=str(error)) from error

    def values_in(self, text: str) -> dict[str, str]:
        """The inputs as a line of a file holds them: a JSON object of them, or else the first of them as it is."""
        if not self.inputs:
            return {_MESSAGE: text}
        if text.lstrip().startswith("{"):
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                found = None
            if isinstance(found, dict) and found and set(found) <= set(self.inputs):
                return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}
        return {self.inputs[0]: text}

    @property
    def _names(self) -> set[str]:
        return {*self.variables, *((_SLOT,) if self.instruction else ())}


@lru_cache(maxsize=256)
def _compiled(text: str) -> Template:
    """Compiling takes far longer than filling in, and the same few prompts are filled in for every question."""
    return _ENVIRONMENT.from_string(text)


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
    used, framed = _variables(path, text), _variables(path, head.frame)
    if bool(head.instruction.strip()) != (_SLOT in used):
        raise PromptInvalid(path=str(path), reason="an instruction needs a place {{ instruction }}, and the other way")
    if bool(head.frame.strip()) != bool(head.inputs):
        raise PromptInvalid(path=str(path), reason="inputs need a frame, and the other way")
    if head.examples and not head.frame:
        raise PromptInvalid(path=str(path), reason="examples need a frame to stand in")
    if undeclared := tuple(sorted({*(used - {*head.variables, _SLOT}), *(framed - set(head.inputs))})):
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
        inputs=head.inputs,
        frame=head.frame.strip(),
        answer=head.answer,
        examples=tuple(one.as_demo() for one in head.examples),
    )


def _variables(path: Path, text: str) -> set[str]:
    try:
        return meta.find_undeclared_variables(_ENVIRONMENT.parse(text))
    except TemplateSyntaxError as error:
        raise PromptInvalid(path=str(path), reason=f"line {error.lineno}: {error.message}") from error


def _hash(head: FrontMatter, text: str) -> str:
    said: list[object] = [head.purpose, head.language, sorted(head.variables), text]
    if head.instruction:
        said.append(head.instruction.strip())
    if head.frame or head.answer or head.examples:
        rule = head.answer.model_dump() if head.answer else None
        said += [head.frame.strip(), head.inputs, rule, [one.model_dump() for one in head.examples]]
    content = json.dumps(said, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:12]
