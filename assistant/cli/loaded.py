"""What `patina doctor` tells of the models that are loaded: how, why so, and what they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from assistant.cli.checks import Finding
from assistant.cli.terminal import Terminal
from assistant.i18n import human_bytes

if TYPE_CHECKING:
    from assistant.models.protocol import Choice, EngineInfo, Occupancy


def loaded(terminal: Terminal, info: EngineInfo) -> Iterator[Finding]:
    """One line for how the model used last is loaded, if any is, and one for the room that all of them take."""
    if info.loaded is not None and info.loaded.choices:
        text = _joined(terminal, [_choice(terminal, choice) for choice in info.loaded.choices])
        made = [asdict(choice) for choice in info.loaded.choices]
        yield Finding("ok", "choices", f"{info.model}: {text}", facts={"model": info.model, "choices": made})
    yield Finding("ok", "occupied", _joined(terminal, _room(terminal, info.occupancy)), facts=asdict(info.occupancy))


def _room(terminal: Terminal, busy: Occupancy) -> list[str]:
    names = ", ".join(busy.models) or terminal.text("doctor.none_loaded")
    said = [_share(terminal, "doctor.models_take", busy.memory, busy.memory_limit, names=names)]
    if busy.parked_limit:
        said.append(_share(terminal, "doctor.kept_in_memory", busy.parked, busy.parked_limit))
    if busy.shelf_limit:
        said.append(_share(terminal, "doctor.kept_on_disk", busy.shelf, busy.shelf_limit))
    if busy.guessed:
        said.append(terminal.text("doctor.guessed", right=busy.guessed_right, guessed=busy.guessed))
    return said


def _choice(terminal: Terminal, choice: Choice) -> str:
    """A word that another version of Patina uses is shown as it came."""

    def word(key: str, otherwise: str) -> str:
        return terminal.sentences.find(terminal.language, key) or otherwise

    return terminal.text(
        "doctor.choice",
        name=word(f"chosen.{choice.name}", choice.name),
        value=word(f"chosen_value.{choice.value}", choice.value),
        why=word(f"choice.{choice.name}.{choice.why}", choice.why),
    )


def _share(terminal: Terminal, key: str, used: int, limit: int, **facts: object) -> str:
    return terminal.text(key, used=human_bytes(used), limit=human_bytes(limit), **facts)


def _joined(terminal: Terminal, clauses: Sequence[str]) -> str:
    return terminal.text("doctor.between").join(clauses)
