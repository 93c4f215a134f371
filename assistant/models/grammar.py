"""What an answer is held to: GBNF, given as it is or made from a JSON schema. Used in the engine's process only.

Checked here is only what would take the native parser down (endless nesting, sheer size); whether a grammar is
right, that parser says itself.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from assistant.errors import InvalidGrammar
from assistant.models.protocol import Generation

_MAX_BYTES: Final = 256 * 1024
_MAX_DEPTH: Final = 100
_QUOTED: Final = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*', re.DOTALL)


def gbnf(generation: Generation) -> str | None:
    """The grammar a generation asks for, None for free text; InvalidGrammar when it cannot be one."""
    if generation.json_schema is None:
        if generation.grammar is None:
            return None
        text = generation.grammar
    elif generation.grammar is not None:
        raise InvalidGrammar("give either a grammar or a JSON schema, not both")
    else:
        text = _from_schema(generation.json_schema)
    if len(text.encode()) > _MAX_BYTES:
        raise InvalidGrammar(f"larger than {_MAX_BYTES // 1024} KiB")
    if "\0" in text:
        raise InvalidGrammar("contains a NUL character")
    if _depth(text) > _MAX_DEPTH:
        raise InvalidGrammar(f"brackets nested deeper than {_MAX_DEPTH}")
    if not text.strip():
        raise InvalidGrammar("empty")
    return text


def _from_schema(schema: dict[str, Any]) -> str:
    if any(not ref.startswith("#/") for ref in _references(schema)):
        raise InvalidGrammar("$ref may only point into the schema itself (#/…)")

    from llama_cpp.llama_grammar import json_schema_to_gbnf  # loads the native library

    try:
        return str(json_schema_to_gbnf(json.dumps(schema)))
    except Exception as error:  # the converter answers a wrong schema with whatever Python raises underneath
        reason = "nested too deeply" if isinstance(error, RecursionError) else f"JSON schema: {error}"
        raise InvalidGrammar(reason) from error


def _references(schema: Any) -> list[str]:
    found: list[str] = []
    todo = [schema]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                found.append(value["$ref"])
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
    return found


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in _QUOTED.sub("", text):
        if character == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif character == ")":
            depth -= 1
    return deepest
