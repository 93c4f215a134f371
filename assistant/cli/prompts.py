"""`patina prompts`: better prompts, found and tested on this machine, put in use and taken back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from assistant.cli.home import model_name, open_assistant
from assistant.cli.places import own_words, still_answering, waits, where
from assistant.cli.run_report import drawn, print_report
from assistant.cli.terminal import Terminal
from assistant.cli.trials import only_for, place_of

if TYPE_CHECKING:
    from assistant.errors import TaskInvalid
    from assistant.i18n import Language
    from assistant.learning.evidence_exchange import EvidenceTaken
    from assistant.learning.lab import TaskReport
    from assistant.learning.purpose_learning import PurposeReport
    from assistant.memory.prompt_versions import Labelled, PromptVersionRecord, Scope
    from assistant.prompting.progress import RunProgress
    from assistant.prompting.purpose import Purpose

T = TypeVar("T", bound=str)
_LEAST_CALLS: Final = 40
_MOST_CALLS: Final = 100_000


def optimise(
    ctx: typer.Context,
    task: Annotated[Path, typer.Option("--task", metavar="DIR", exists=True, file_okay=False, show_default=False)],
    budget: Annotated[int, typer.Option("--budget", min=_LEAST_CALLS, max=_MOST_CALLS, metavar="CALLS")] = 300,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    model: Annotated[str | None, typer.Option("--model", "-m", show_default=False)] = None,
    tokens: Annotated[int, typer.Option("--tokens", min=0)] = 0,
    seconds: Annotated[float, typer.Option("--seconds", min=0)] = 0.0,
    grammar: Annotated[bool, typer.Option("--grammar/--no-grammar")] = True,
    purpose: Annotated[str | None, typer.Option("--purpose", show_default=False)] = None,
    language: Annotated[str | None, typer.Option("--language", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    terminal: Terminal = ctx.obj

    from assistant.prompting.task import TEST_FILE

    named, tongue = _purpose(terminal, purpose), _language(terminal, language)

    async def work(tell: Callable[[RunProgress], None]) -> TaskReport | PurposeReport:
        from assistant.learning.lab import Spending
        from assistant.learning.outlived import outlived
        from assistant.prompting.optimiser import Choices

        spending, choices = Spending(budget, tokens, seconds), Choices(seed, constrain=grammar)
        name = model_name(model)
        async with open_assistant(terminal) as assistant:
            lab, purposes = assistant.lab, assistant.purposes
            if named is None:
                return await outlived(lambda: lab.optimise_folder(task, spending, choices, model=name, tell=tell))
            return await outlived(
                lambda: purposes.optimise_folder(
                    named, task, spending, Choices(seed), language=tongue, model=name, tell=tell
                )
            )

    if not as_json and (task / TEST_FILE).is_file():
        terminal.say("prompts.test_comes")
    with drawn(terminal, silent=as_json) as tell:
        try:
            found = terminal.run(work(tell))
        except (KeyboardInterrupt, asyncio.CancelledError):
            terminal.say("prompts.interrupted")
            raise typer.Exit(130) from None
    from assistant.codec import dump_error
    from assistant.i18n import explain
    from assistant.learning.lab import TaskReport
    from assistant.learning.report_json import dump_purpose, dump_report

    trouble = _trouble_with_test(task)
    if trouble is not None:
        terminal.note(explain(trouble, terminal.language))
    if as_json:
        told = dump_report(found) if isinstance(found, TaskReport) else dump_purpose(found)
        message = {} if trouble is None else {"message": explain(trouble, terminal.language), **dump_error(trouble)}
        told["test_error"] = message or None
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    print_report(terminal, found if isinstance(found, TaskReport) else found.report)
    if not isinstance(found, TaskReport) and found.version:
        terminal.write("\n" + terminal.text("prompts.can_be_promoted", version=found.version))


def _trouble_with_test(folder: Path) -> TaskInvalid | None:
    """Why the test items were not asked, where there are any: what was decided stands without them."""
    from assistant.errors import TaskInvalid
    from assistant.prompting.task import read_test

    try:
        read_test(folder)
    except TaskInvalid as error:
        return error
    return None


def _purpose(terminal: Terminal, named: str | None) -> Purpose | None:
    from assistant.prompting.purpose import PURPOSES

    return _one_of(terminal, "--purpose", named, PURPOSES)


def _language(terminal: Terminal, named: str | None) -> Language | None:
    from assistant.i18n import LANGUAGES

    return _one_of(terminal, "--language", named, LANGUAGES)


def _one_of(terminal: Terminal, option: str, named: str | None, known: tuple[T, ...]) -> T | None:
    """What was named, where there is such a one; else it is said what there is."""
    found = next((one for one in known if one == named), None)
    if named is not None and found is None:
        words = {"option": option, "value": named, "known": ", ".join(map(str, known))}
        raise typer.BadParameter(terminal.text("prompts.unknown", **words))
    return found


Version = Annotated[str, typer.Argument(metavar="VERSION", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
Tongue = Annotated[str, typer.Argument(metavar="LANGUAGE", show_default=False)]
ForModel = Annotated[str | None, typer.Option("--model", "-m", show_default=False)]
ForIntent = Annotated[str, typer.Option("--intent")]
Why = Annotated[str, typer.Option("--reason", "-r", callback=own_words)]
AsJson = Annotated[bool, typer.Option("--json")]


def _echo(told: object) -> None:
    """One JSON value on one line."""
    typer.echo(json.dumps(told, ensure_ascii=False))


def listed(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Every version, with its labels."""
    terminal: Terminal = ctx.obj

    async def work() -> tuple[list[PromptVersionRecord], list[Labelled]]:
        async with open_assistant(terminal) as assistant:
            return await assistant.desk.versions(), await assistant.desk.labels()

    versions, labels = terminal.run(work())
    if as_json:
        worn_by = [(one, [asdict(label) for label in labels if label.version_id == one.id]) for one in versions]
        _echo([{**asdict(one), "full_name": one.full_name, "labels": worn} for one, worn in worn_by])
        return
    called = {one.id: one.called for one in versions}
    for one in versions:
        worn = [_worn(terminal, label) for label in labels if label.version_id == one.id]
        author = terminal.text(f"prompts.author.{'elsewhere' if one.evidence.get('imported') else one.author}")
        parent = f"  ← {called.get(one.parent_id, one.parent_id)}" if one.parent_id else ""
        terminal.write("  ".join([one.id, one.full_name, author, *worn]) + parent)


def _worn(terminal: Terminal, label: Labelled) -> str:
    """A label, with the intent and the model it is for where it is not for all."""
    return terminal.text(f"prompts.label.{label.label}") + only_for(label.scope)


def show(ctx: typer.Context, version: Version, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> PromptVersionRecord:
        async with open_assistant(terminal) as assistant:
            return await assistant.desk.version(version)

    record = terminal.run(work())
    if as_json:
        typer.echo(json.dumps(asdict(record), ensure_ascii=False))
        return
    from assistant.learning.prompt_desk import in_full

    terminal.write(in_full(record))
    if record.evidence.get("items"):
        terminal.say("prompts.shown_evidence", **{key: record.evidence[key] for key in ("items", "gained", "lost")})


def diff(ctx: typer.Context, version: Version, other: Version) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> str:
        async with open_assistant(terminal) as assistant:
            return await assistant.desk.diff(version, other)

    terminal.write(terminal.run(work()) or terminal.text("prompts.same"))


def promote(
    ctx: typer.Context,
    version: Version,
    model: ForModel = None,
    intent: ForIntent = "",
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[PromptVersionRecord, Scope, bool, list[tuple[str, Scope]]]:
        async with open_assistant(terminal) as assistant:
            record = await assistant.desk.promote(version, model=model, intent=intent, reason=reason)
            scope = await where(assistant.desk, record, "production")
            return record, scope, await waits(assistant, scope), await still_answering(assistant.desk, record, scope)

    record, scope, is_early, still = terminal.run(work())
    if as_json:
        _echo({"version": record.id, "number": record.number, "scope": asdict(scope)})
        return
    terminal.say("prompts.promoted", version=_both(record), name=place_of(scope))
    for other, narrower in still:
        terminal.say("prompts.still", version=other, name=place_of(narrower))
    if is_early:
        terminal.say("prompts.no_such_model", name=scope.model)


def rollback(
    ctx: typer.Context,
    name: Name,
    language: Tongue,
    model: ForModel = None,
    intent: ForIntent = "",
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[PromptVersionRecord | None, Scope, bool]:
        async with open_assistant(terminal) as assistant:
            from assistant.learning.task_versions import PURPOSE
            from assistant.memory.prompt_versions import in_production

            desk = assistant.desk
            await desk.rollback(name, language, model=model, intent=intent, reason=reason)
            scope = (await desk.moves(name))[0].scope
            # What is used by all may answer again.
            found = in_production(await desk.labels(), scope)
            if found is not None:
                return await desk.version(found), scope, False
            of_task = any(one.purpose == PURPOSE for one in await desk.versions() if one.name == scope.name)
            return None, scope, of_task

    version, scope, of_task = terminal.run(work())
    if as_json:
        used = {"version": version.id, "number": version.number} if version else {"version": None, "number": 0}
        _echo({**used, "scope": asdict(scope)})
        return
    place = place_of(scope)
    if version is None:
        terminal.say("prompts.back_to_task" if of_task else "prompts.back_to_seed", name=place)
    else:
        terminal.say("prompts.rolled_back", name=place, version=_both(version))


def end_trial(
    ctx: typer.Context,
    name: Name,
    language: Tongue,
    model: ForModel = None,
    intent: ForIntent = "",
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[PromptVersionRecord, Scope] | None:
        async with open_assistant(terminal) as assistant:
            ended = await assistant.desk.end_trial(name, language, model=model, intent=intent, reason=reason)
            return None if ended is None else (await assistant.desk.version(ended.version_id), ended.scope)

    ended = terminal.run(work())
    if ended is None:
        terminal.say("prompts.no_trial_there", name=f"{name}.{language}")
        raise typer.Exit(1)
    version, scope = ended
    if as_json:
        _echo({"version": version.id, "number": version.number, "scope": asdict(scope)})
        return
    terminal.say("prompts.trial_ended", version=_both(version), name=place_of(scope))


def _both(version: PromptVersionRecord) -> str:
    return f"{version.called} ({version.id})"


def begin_trial(
    ctx: typer.Context,
    version: Version,
    share: Annotated[float, typer.Option("--share", min=0.01, max=1.0)] = 0.2,
    model: ForModel = None,
    intent: ForIntent = "",
    reason: Why = "",
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[PromptVersionRecord, Scope, bool]:
        async with open_assistant(terminal) as assistant:
            record = await assistant.desk.begin_trial(version, share, model=model, intent=intent, reason=reason)
            scope = await where(assistant.desk, record, "canary")
            return record, scope, await waits(assistant, scope)

    record, scope, is_early = terminal.run(work())
    terminal.say("prompts.on_trial", version=_both(record), name=place_of(scope), share=f"{share:.0%}")
    if is_early:
        terminal.say("prompts.no_such_model", name=scope.model)


def export(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(show_default=False)] = None,
    evidence: Annotated[Path | None, typer.Option("--evidence", metavar="FILE", show_default=False)] = None,
    redact: Annotated[bool, typer.Option("--redact/--no-redact")] = True,
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[list[str], list[str]]:
        async with open_assistant(terminal) as assistant:
            desk = assistant.desk
            return await desk.export(redact=redact), await desk.evidence(redact=redact) if evidence else []

    lines, rated = terminal.run(work())
    if evidence is not None:
        _write(terminal, evidence, rated)
    if file is not None:
        _write(terminal, file, lines)
    elif evidence is None:
        for line in lines:
            typer.echo(line)


def _write(terminal: Terminal, file: Path, lines: list[str]) -> None:
    try:
        file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    except OSError as error:
        from assistant.errors import FileNotWritable

        raise FileNotWritable(path=file, reason=error.strerror or str(error)) from error
    terminal.say("prompts.exported", count=len(lines), path=file)


def take(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, show_default=False)]
) -> None:
    """Keep the versions, or the evidence, in a file that was exported elsewhere."""
    terminal: Terminal = ctx.obj
    text = file.read_text("utf-8", errors="replace")

    async def work() -> tuple[list[PromptVersionRecord], EvidenceTaken | None]:
        from assistant.learning.evidence_exchange import holds_evidence

        async with open_assistant(terminal) as assistant:
            if holds_evidence(text):
                return [], await assistant.desk.take_evidence(text)
            return await assistant.desk.take(text), None

    versions, evidence = terminal.run(work())
    for version in versions:
        terminal.say("prompts.taken", version=version.id, name=f"{version.name}.{version.language}")
    if evidence is not None:
        terminal.say("prompts.evidence_taken", **asdict(evidence))


def forget_evidence(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> int:
        async with open_assistant(terminal) as assistant:
            return await assistant.desk.forget_evidence()

    terminal.say("prompts.evidence_forgotten", count=terminal.run(work()))
