"""A tool: LangChain's `BaseTool`, with who may call it, how long it may take, and how what it did is taken back.

Ours are typed functions; what the model reads of them is their signature and docstring:

    @tool(permission="free")
    def today(asked: Asked) -> str:
        \"\"\"The date and the time of day.\"\"\"

Any tool of LangChain's is one of ours as `Tool(theirs, "owner")`.
"""

from __future__ import annotations

import datetime as dt
import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

import jsonschema
from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ValidationError

from assistant.errors import ArgumentsRefused
from assistant.i18n import Language

Permission: TypeAlias = Literal["free", "person", "owner"]
"""free: reads nothing private and changes nothing; person: touches what belongs to whoever asks, and nothing else;
owner: the owner of this Patina has to approve each call."""
Undo: TypeAlias = Callable[[str], Awaitable[None]]
"""Takes back what a call did, by its receipt."""

_LONGEST_ARGUMENTS: Final = 10_000
"""Characters of JSON."""


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a tool is called; `now` is local time, without a zone."""

    turn_id: str
    person_id: str | None
    language: Language
    now: dt.datetime


Asked: TypeAlias = Annotated[Caller, InjectedToolArg]
"""The type of a parameter that the model does not see and that says who asks."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool gives: `text` is data for the model, `receipt` is by what it is taken back."""

    text: str
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """`seconds` is how long one call may take. What one that `reads_outside` gives was written by strangers: once it
    has been read, whatever is not free needs the owner."""

    base: BaseTool
    permission: Permission
    undo: Undo | None = None
    seconds: float = 30.0
    reads_outside: bool = False

    @property
    def name(self) -> str:
        return self.base.name

    @property
    def description(self) -> str:
        return self.base.description

    @property
    def schema(self) -> dict[str, Any]:
        """As the OpenAI API words it."""
        return convert_to_openai_tool(self.base)

    def read(self, arguments: str) -> dict[str, Any]:
        """The arguments a model wrote, checked; ArgumentsRefused says what is wrong, for the model to mend."""
        if len(arguments) > _LONGEST_ARGUMENTS:
            raise ArgumentsRefused(self.name, f"longer than {_LONGEST_ARGUMENTS} characters")
        try:
            given = json.loads(arguments or "{}")
        except (ValueError, RecursionError) as error:
            raise ArgumentsRefused(self.name, "no JSON") from error
        if not isinstance(given, dict):
            raise ArgumentsRefused(self.name, "no JSON object")
        wanted = self.base.tool_call_schema
        try:
            if isinstance(wanted, dict):
                jsonschema.validate(given, wanted)
                return given
            return _validated(wanted, given)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "arguments"
            raise ArgumentsRefused(self.name, f"{where}: {first['msg']}") from error
        except jsonschema.ValidationError as error:
            raise ArgumentsRefused(self.name, error.message) from error
        except ValueError as error:
            raise ArgumentsRefused(self.name, str(error)) from error

    async def call(self, arguments: dict[str, Any], caller: Caller) -> Outcome:
        """Run it with arguments that were read; raises whatever the tool raises."""
        given = await self.base.ainvoke({**arguments, **dict.fromkeys(self._injected, caller)})
        if isinstance(given, Outcome):
            return given
        return Outcome(given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str))

    @property
    def _injected(self) -> tuple[str, ...]:
        schema = self.base.args_schema
        if not isinstance(schema, type) or not issubclass(schema, BaseModel):
            return ()
        seen = self.base.tool_call_schema
        shown = set(seen.model_fields) if isinstance(seen, type) and issubclass(seen, BaseModel) else set()
        return tuple(name for name in schema.model_fields if name not in shown)


def tool(
    *, permission: Permission, undo: Undo | None = None, seconds: float = 30.0, reads_outside: bool = False
) -> Callable[[Callable[..., Any]], Tool]:
    """Declares a function, plain or async, as a tool. Its docstring says what it is for and, under `Args:`, what each
    argument is. A plain one runs in a thread, which a time limit cannot end: what takes long is to be async."""

    def declare(function: Callable[..., Any]) -> Tool:
        waits = inspect.iscoroutinefunction(function)
        plain, coroutine = (None, function) if waits else (function, None)
        base = StructuredTool.from_function(plain, coroutine, parse_docstring=True)
        return Tool(base, permission, undo, seconds, reads_outside)

    return declare


def _validated(wanted: Any, given: dict[str, Any]) -> dict[str, Any]:
    """By name, as the function takes them; what it does not know is refused rather than left out."""
    known = wanted.model_fields
    if strangers := sorted(set(given) - set(known)):
        raise ValueError(f"unknown: {', '.join(strangers)}; known: {', '.join(known)}")
    checked = wanted.model_validate(given)
    return {name: getattr(checked, name) for name in known}
