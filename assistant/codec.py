"""Records, events and errors as JSON: what the REST face writes and the client reads back into the same classes."""

from __future__ import annotations

import functools
import re
from typing import Any, Final, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from assistant.errors import AssistantError, InternalFault
from assistant.events import Event, TurnFailed

T = TypeVar("T")


def dump(record: object) -> Any:
    """A record, or a list of them, as JSON values."""
    if isinstance(record, list):
        return [dump(item) for item in record]
    kind: Any = type(record)
    return _adapter(kind).dump_python(record, mode="json")


def load(kind: type[T], data: Any) -> T:
    """The record back; pydantic's ValidationError when the other side speaks of something else."""
    wanted: Any = kind
    record: T = _adapter(wanted).validate_python(data)
    return record


def dump_event(event: Event) -> dict[str, Any]:
    """The event's fields with its class in snake case as `type`."""
    if isinstance(event, TurnFailed):
        return {"type": "turn_failed", "turn_id": event.turn_id, "error": dump_error(event.error)}
    return {"type": _tag(type(event)), **dump(event)}


def load_event(data: dict[str, Any]) -> Event:
    fields = dict(data)
    kind = _EVENTS[fields.pop("type")]
    if kind is TurnFailed:
        return TurnFailed(fields["turn_id"], load_error(fields["error"]))
    event: Event = load(kind, fields)
    return event


def dump_error(error: AssistantError) -> dict[str, Any]:
    return {"code": error.code, "facts": to_jsonable_python(error.facts)}


def load_error(data: dict[str, Any]) -> AssistantError:
    """The same error class with the same facts; a code this version does not know becomes an InternalFault."""
    kind = _error_classes().get(str(data.get("code")))
    if kind is None:
        return InternalFault(reason=str(data.get("code")))
    hints = get_type_hints(kind)
    return kind(**{name: _adapter(hints[name]).validate_python(value) for name, value in data["facts"].items()})


def _tag(kind: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


_EVENTS: Final[dict[str, type]] = {_tag(kind): kind for kind in get_args(Event)}


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@functools.cache
def _error_classes() -> dict[str, type[AssistantError]]:
    found: dict[str, type[AssistantError]] = {}
    waiting: list[type[AssistantError]] = [AssistantError]
    while waiting:
        kind = waiting.pop()
        found[_tag(kind)] = kind
        waiting += kind.__subclasses__()
    return found
