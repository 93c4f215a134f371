"""The docs say what is true: generated parts are fresh, links lead somewhere, commands exist."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from urllib.parse import unquote

import pytest

from assistant import config
from assistant.client import AssistantClient
from assistant.learning.evidence import TABLE
from assistant.paths import Paths
from benchmarks import report
from benchmarks.answer import Answer
from docs import generate
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import serving_in_thread

ROOT = Path(__file__).parents[1]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
READMES = ("README.md", "README.zh-CN.md")


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def headings(text: str) -> set[str]:
    """The anchors of a page's headings, in the manner of the usual hosts."""
    found = re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in found}


def links(text: str) -> Iterator[str]:
    plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from re.findall(r"\]\(([^)\s]+)\)", plain)
    yield from re.findall(r'(?:src|href)="([^"]+)"', plain)


def shell_lines(text: str) -> list[str]:
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def test_the_generated_parts_are_what_the_code_says_now() -> None:
    stale = [named(path) for path, text in generate.pages().items() if path.read_text("utf-8") != text]
    assert not stale, "run `make docs`"


async def test_the_client_asks_what_the_rest_page_says() -> None:
    rows = re.findall(r"^\| ([A-Z]+) \| `(\S+)` \| [^|]* \| ([^|]*) \|", read("docs/rest.md"), re.MULTILINE)
    told = {(method, path): set(re.findall(r"`([^`]+)`", ways)) for method, path, ways in rows}
    assert told["GET", "/api/learning/events"] == {"idle.follow"}
    assert told["GET", "/api/speech/models"] == {"speech.models"}
    assert told["GET", "/api/turns/{turn_id}/citations/{number}"] == {"citations.citation"}

    asked = await generate.asked([path for _, path in told])
    reads_a_file_first = {"archives.take", "archives.restoring.offer"}
    wrong = {way: ways - set(asked.get(way, [])) - reads_a_file_first for way, ways in told.items()}
    assert not {way: ways for way, ways in wrong.items() if ways}
    async with AssistantClient("http://127.0.0.1") as client:
        assert all(callable(attrgetter(name)(client)) for ways in told.values() for name in ways)


def test_every_setting_says_what_it_is_for() -> None:
    silent = [key for key, _, _, meaning in generate.every_setting(config.Settings) if not meaning]
    assert not silent


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in headings(target.read_text("utf-8"))):
            broken.append(link)
    assert not broken


def test_every_signal_is_in_the_docs_with_its_label_and_weight() -> None:
    told: dict[str, tuple[str, float]] = {}
    row_of_four = r"^\| (`[^|\n]*) \| ([^|\n]*) \| ([^|\n]*) \| [^|\n]* \|$"
    for names, labels, weight in re.findall(row_of_four, read("docs/prompts.md"), re.MULTILINE):
        kinds = re.findall(r"`([a-z_]+)`", names)
        said = labels.split(", ") if len(kinds) > 1 else [labels]
        told |= {kind: (label, float(weight)) for kind, label in zip(kinds, said, strict=True)}
    measured = told["answer_edited"][0]
    assert told == {
        kind: (measured if one.label is None else f"{one.label:g}", one.weight) for kind, one in TABLE.items()
    }


def test_every_command_of_the_bot_is_in_the_docs() -> None:
    menu = tomllib.loads(read("bots/telegram/locales/en.toml"))["menu"]
    told = re.findall(r"^\| `/([a-z]+)", read("docs/telegram.md"), re.MULTILINE)
    assert set(told) == {"start", *menu}


@pytest.mark.parametrize("readme", READMES)
def test_every_make_command_in_the_readme_is_a_target(readme: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", read("Makefile"), re.MULTILINE))
    used = set(re.findall(r"\bmake ([a-z]+)", read(readme)))
    assert {"run", "test"} <= used <= targets


@pytest.mark.parametrize("readme", READMES)
def test_every_patina_command_in_the_readme_exists(readme: str) -> None:
    known = {line.removeprefix("## ") for line in read("docs/cli.md").splitlines() if line.startswith("## patina")}
    used = re.findall(r"(?:^|[\s`/])patina ((?:[a-z]+)(?: [a-z]+)?)", "\n".join([*shell_lines(read(readme))]))
    assert used
    for command in used:
        words = command.split()
        assert f"patina {words[0]}" in known or f"patina {' '.join(words)}" in known, command


def test_both_readmes_show_the_same_commands() -> None:
    english, chinese = (
        [re.sub(r"[\"“‘'「].*|\s+#.*", "", line).strip() for line in shell_lines(read(name))] for name in READMES
    )
    assert english == chinese


@pytest.mark.parametrize("page", [*READMES, "docs/rest.md"])
def test_the_programs_in_the_docs_run_as_they_stand(page: str, paths: Paths) -> None:
    programs = "\n".join(re.findall(r"```python\n(.*?)```", read(page), re.DOTALL))
    model = ScriptedChatModel(answers=["Green and quiet."])
    with serving_in_thread(paths, FakeModels(model)) as address:
        program = programs.replace("http://127.0.0.1:8080", address)
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "Green and quiet." in ran.stdout


@pytest.mark.parametrize("decision", DECISIONS, ids=named)
def test_a_decision_has_its_four_parts(decision: Path) -> None:
    text = decision.read_text("utf-8")
    number = int(decision.name[:4])
    assert text.startswith(f"# {number}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Why", "What would change it"]


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_benchmark_writes_between_its_marks_and_says_what_was_missed(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(read("docs/benchmarks.md"), "utf-8")
    before, _, rest = page.read_text("utf-8").partition(report.BEGIN)
    after = rest.partition(report.END)[2]

    ours = Answer("short", "one text", 40, 96, first_token_s=0.15, tokens_per_second=30)
    peer = Answer("short", "another text", 40, 96, first_token_s=0.14, tokens_per_second=40)
    rounds = (report.Round(2.0, 300_000_000, 900_000_000, (ours,), (peer,)),)
    machine = report.Machine("a processor", 2, 16, "Linux x86_64", "3.11")
    report.rewrite(page, report.markdown(machine, "a model", rounds, dt.date(2026, 1, 2)))

    written = page.read_text("utf-8")
    assert written.startswith(before + report.BEGIN)
    assert written.endswith(report.END + after)
    lines = {line.split("|")[1].strip(): line for line in written.splitlines() if line.startswith("|")}
    assert "300 MB" in lines["memory, idle, no model loaded"]
    assert lines["memory, idle, no model loaded"].endswith("met |")
    assert "+10 ms" in lines["first token, added (median)"]
    assert lines["tokens/s, ratio (median)"].endswith("| × 0.750 | ≥ 0.95 | **missed** |")
    assert lines["same prompt tokens"].endswith("| 1 of 1 | 1 | met |")
    assert "0 of 1" in lines["same greedy text to the last letter"]
