"""The tree of commands. Descriptions are sentences of the catalogue, found by a command's place in the tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from assistant.cli import (
    approvals,
    archives,
    configuration,
    conversations,
    eval,
    eval_memory,
    graph,
    kb,
    kb_queue,
    learning,
    memory,
    models,
    people,
    prompts,
    runs,
    trials,
)
from assistant.cli.ask import ask
from assistant.cli.chat import chat
from assistant.cli.doctor import doctor
from assistant.cli.pair import pair
from assistant.cli.serve import bot, serve
from assistant.cli.terminal import Terminal
from assistant.paths import version


def build(terminal: Terminal) -> TyperGroup:
    app = typer.Typer(no_args_is_help=True, add_completion=False)
    for command in (chat, ask, serve, bot, pair, doctor, archives.backup, archives.restore, archives.export):
        app.command()(command)
    app.command("import")(archives.take)
    app.command("version")(_version)
    groups: dict[str, dict[str, Callable[..., None]]] = {
        "models": {
            "list": models.listed,
            "pull": models.pull,
            "use": models.use,
            "remove": models.remove,
            "info": models.info,
        },
        "conversations": {
            "list": conversations.listed,
            "show": conversations.show,
            "search": conversations.search,
            "delete": conversations.delete,
            "delete-turn": conversations.delete_turn,
        },
        "people": {"list": people.listed, "role": people.role, "quota": people.quota, "remove": people.remove},
        "approvals": {"list": approvals.listed, "approve": approvals.approve, "refuse": approvals.refuse},
        "reminders": {"list": approvals.reminders, "remove": approvals.forget_reminder},
        "prompts": {
            "list": prompts.listed,
            "show": prompts.show,
            "diff": prompts.diff,
            "optimise": prompts.optimise,
            "promote": prompts.promote,
            "rollback": prompts.rollback,
            "try": prompts.begin_trial,
            "trials": trials.trials,
            "end-trial": prompts.end_trial,
            "export": prompts.export,
            "import": prompts.take,
            "forget-evidence": prompts.forget_evidence,
        },
        "learning": {
            "status": learning.status,
            "on": learning.on,
            "off": learning.off,
            "now": learning.now,
            "cancel": learning.cancel,
            "judge": learning.judge,
        },
        "kb": {
            "add": kb.add,
            "list": kb.listed,
            "search": kb.search,
            "show": kb.show,
            "remove": kb.remove,
            "reindex": kb.reindex,
            "graph": graph.graph,
            "watch": kb_queue.watch,
            "unwatch": kb_queue.unwatch,
            "pause": kb_queue.pause,
            "resume": kb_queue.resume,
            "cancel": kb_queue.cancel,
        },
        "memory": {
            "list": memory.listed,
            "search": memory.search,
            "groups": memory.groups,
            "forget": memory.forget,
            "export": memory.export,
            "pin": memory.pin,
            "pause": memory.pause,
        },
        "eval": {"retrieval": eval.retrieval, "memory": eval_memory.memory},
    }
    for name, commands in groups.items():
        group = typer.Typer(no_args_is_help=True)
        for command_name, command in commands.items():
            group.command(command_name)(command)
        if name == "prompts":
            group.add_typer(_runs(), name="runs")
        app.add_typer(group, name=name)
    settings = typer.Typer(invoke_without_command=True)
    settings.callback()(configuration.listed)
    settings.command("list")(configuration.listed)
    settings.command("get")(configuration.get)
    settings.command("set")(configuration.put)
    settings.command("path")(configuration.path)
    app.add_typer(settings, name="config")
    root = typer.main.get_command(app)
    if not isinstance(root, TyperGroup):
        raise TypeError("one command is no tree")
    _describe(root, terminal, "commands")
    return root


def _runs() -> typer.Typer:
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(runs.listed)
    group.command("show")(runs.show)
    group.command("pause")(runs.pause)
    group.command("resume")(runs.resume)
    group.command("cancel")(runs.cancel)
    return group


def _version(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj
    terminal.write(f"Patina {version()}")


def _describe(command: Any, terminal: Terminal, place: str) -> None:
    command.help = terminal.text(f"{place}.help")
    command.short_help = command.help
    for param in command.params:
        param.help = terminal.text(f"{place}.{param.name}")
        if isinstance(param, TyperArgument):
            param.rich_help_panel = terminal.text("panels.arguments")
        elif isinstance(param, TyperOption):
            param.rich_help_panel = terminal.text("panels.options")
    # The panel that --help itself goes to has no name of its own to change, so it is described like any option.
    own_help = command.get_help_option(typer.Context(command))
    if own_help is not None:
        own_help.help = terminal.text("panels.help")
        own_help.rich_help_panel = terminal.text("panels.options")
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            inner.rich_help_panel = terminal.text("panels.commands")  # type: ignore[attr-defined]
            _describe(inner, terminal, f"{place}.{name}")
