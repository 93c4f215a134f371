"""`patina ask`: one question, one answer."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.answer import Outcome, draw
from assistant.cli.approvals import decider
from assistant.cli.from_documents import Collection, Documents, choose
from assistant.cli.home import model_name, open_assistant
from assistant.cli.terminal import Terminal
from assistant.codec import dump
from assistant.errors import AttachmentRefused, EmptyMessage
from assistant.memory.records import DocumentMode, NewAttachment

if TYPE_CHECKING:
    from assistant.learning.task_prompts import TaskAnswer
    from assistant.prompting.task import Item, TaskHead


def ask(
    ctx: typer.Context,
    question: Annotated[str | None, typer.Argument(show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    model: Annotated[str | None, typer.Option("--model", "-m", show_default=False)] = None,
    conversation: Annotated[str | None, typer.Option("--conversation", "-c", show_default=False)] = None,
    documents: Documents = None,
    collection: Collection = "",
    files: Annotated[list[Path] | None, typer.Option("--file", "-f", show_default=False)] = None,
    task: Annotated[str | None, typer.Option("--task", metavar="TASK", show_default=False)] = None,
) -> None:
    terminal: Terminal = ctx.obj
    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    if task is not None:
        given = {
            "--conversation": conversation,
            "--documents": documents,
            "--collection": collection,
            "--file": files,
        }
        if left := [name for name, value in given.items() if value]:
            raise typer.BadParameter(terminal.text("ask.not_with_task", options=", ".join(left)))
        # A task is taught with plain inputs: what came through a pipe stands there as it would in one of them.
        asked = "\n\n".join(text for text in (question, piped) if text and text.strip())
        said = terminal.run(_ask_task(terminal, task, asked, model))
        typer.echo(json.dumps(asdict(said), ensure_ascii=False) if as_json else said.text)
        return
    attachments = [_read(path) for path in files or ()]
    if question and piped.strip():
        attachments.append(NewAttachment(terminal.text("ask.piped_name"), piped.encode()))
    question = question or piped
    if not question.strip():
        raise EmptyMessage
    outcome = Outcome()
    conversation_id = terminal.run(
        _ask(terminal, question, attachments, model, conversation, documents, collection, outcome, as_json)
    )
    if outcome.error is not None:
        raise outcome.error
    if as_json:
        typer.echo(json.dumps(_report(outcome, conversation_id), ensure_ascii=False))


def _task(named: str) -> tuple[TaskHead, list[Item]] | None:
    """What a folder holds; None for the name that a task was given on the page."""
    from assistant.prompting.task import TRAIN_FILE, read_head, read_items

    folder = Path(named)
    return (read_head(folder), read_items(folder / TRAIN_FILE)) if folder.is_dir() else None


async def _ask_task(terminal: Terminal, named: str, question: str, model: str | None) -> TaskAnswer:
    read = await asyncio.to_thread(_task, named)
    async with open_assistant(terminal) as assistant:
        if read is None:
            return await assistant.task_prompts.answer_named(named, question, model=model_name(model))
        return await assistant.task_prompts.answer(*read, question, model=model_name(model))


async def _ask(
    terminal: Terminal,
    question: str,
    attachments: list[NewAttachment],
    model: str | None,
    conversation: str | None,
    documents: DocumentMode | None,
    collection: str,
    outcome: Outcome,
    silent: bool,
) -> str:
    async with open_assistant(terminal) as assistant:
        conversation_id = conversation or (await assistant.new_conversation()).id
        await choose(assistant, conversation_id, documents, collection)
        events = await assistant.reply(
            conversation_id, question, face="terminal", attachments=attachments, model=model_name(model)
        )
        try:
            await draw(terminal, events, outcome, silent=silent, decide=decider(terminal, assistant))
        except asyncio.CancelledError:
            # Somebody else's process would go on answering; Ctrl-C means stop.
            if outcome.turn_id:
                await assistant.stop(outcome.turn_id, face="terminal")
            raise
        return conversation_id


def _report(outcome: Outcome, conversation_id: str) -> dict[str, object]:
    finished = outcome.finished
    if finished is None:
        raise RuntimeError("the turn ended without its last event")
    return {
        "answer": outcome.text,
        "model": finished.model,
        "prompt_version": finished.prompt_version,
        "conversation": conversation_id,
        "turn": finished.turn_id,
        "finish_reason": finished.finish_reason,
        "usage": asdict(finished.usage),
        "timings": asdict(finished.timings),
        "grounds": None if outcome.cited is None else dump(outcome.cited.grounds),
    }


def _read(path: Path) -> NewAttachment:
    try:
        return NewAttachment(path.name, path.read_bytes())
    except OSError as error:
        raise AttachmentRefused(name=str(path), reason=error.strerror or "unreadable") from error
