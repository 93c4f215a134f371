"""`patina prompts`: what a person types and reads."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant import wiring
from assistant.paths import Paths
from assistant.prompting.purpose import PURPOSES
from tests.assistant.cli.conftest import Patina
from tests.fakes.chat_model import FakeModels
from tests.fakes.pupil import PupilChatModel
from tests.fakes.web import serving_in_thread


@pytest.fixture
def task(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "task.yaml").write_text('name: parity\nseed_prompt: What?\nmetric: label\nlabels: ["even", "odd"]\n')
    for name, start, count in (("train", 0, 120), ("test", 500, 40)):
        rows = [{"input": f"number {n}", "output": ("even", "odd")[n % 2]} for n in range(start, start + count)]
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return folder


def right(question: str) -> str:
    number = question.split()[-1]
    return ("even", "odd")[int(number) % 2] if number.isdigit() else "Say whether the number is even or odd."


@pytest.fixture
def pupil(monkeypatch: pytest.MonkeyPatch) -> PupilChatModel:
    model = PupilChatModel(skill=lambda _, examples, held: 0.05 + 0.4 * held + 0.5 * bool(examples), right=right)
    monkeypatch.setattr(wiring, "ModelRegistry", lambda *_: FakeModels(model))
    return model


def test_a_prompt_is_optimised_kept_put_in_use_and_taken_back(
    patina: Patina, pupil: PupilChatModel, task: Path
) -> None:
    ran = patina("prompts", "optimise", "--task", str(task), "--budget", "120", "--json")
    assert ran.code == 0, ran.err
    result = json.loads(ran.out.splitlines()[-1])
    assert result["calls"] <= 120
    assert result["decision"] == "better"
    assert result["final_test"]["score"] > result["seed_test"]["score"]
    assert result["final_test"]["n"] == 40
    assert len(result["final_test"]["ci95"]) == 2
    assert result["test_error"] is None
    assert result["tokens"] > 0
    assert {key: result[key] for key in ("nearest", "layout", "form")} == {
        key: result["version"][key] for key in ("nearest", "layout", "form")
    }
    assert result["form"] == "held"
    version = result["version"]["id"]
    listed = patina("prompts", "list").out
    assert result["version"]["number"] == 2
    assert f"{version}  parity.en:v2  learned  ← v1" in listed
    assert "chat.zh:v1  Patina" in listed
    promoted = patina("prompts", "promote", "parity:v2", "--reason", "it is better")
    assert f"v2 ({version}) answers from now on where parity.en (scripted) did" in promoted.err, (
        "for the model it was found with"
    )
    assert f"{version}  parity.en:v2  learned  in use" in patina("prompts", "list").out
    assert "– → v2  it is better" in patina("prompts", "trials").out
    assert "it is better" in patina("prompts", "trials").out
    shown = patina("prompts", "show", version)
    assert result["prompt"].splitlines()[0] in shown.out
    seed = json.loads(patina("prompts", "show", version, "--json").out)["parent_id"]
    assert patina("prompts", "diff", seed, version).out.startswith(f"--- {seed}")
    assert patina("prompts", "diff", "parity:v1", "v2").out.startswith(f"--- {seed}")
    several = patina("prompts", "show", "v1")
    assert several.code == 1
    assert "chat.en:v1" in several.err
    assert "parity.en:v1" in several.err
    back = patina("prompts", "rollback", "parity", "en")
    assert back.err == "parity.en (scripted) is the prompt that its task begins with again.\n", (
        "Patina brings none for it"
    )
    assert patina("prompts", "rollback", "parity", "en").code == 1


def test_a_prompt_of_patinas_own_is_optimised_with_examples_and_put_in_use(
    patina: Patina, pupil: PupilChatModel, task: Path
) -> None:
    (task / "task.yaml").unlink()
    pupil.skill = lambda _, examples, held: 0.1 + 0.15 * examples * held
    pupil.right = lambda framed: right(framed.split("-----")[1].strip())
    run = ("prompts", "optimise", "--task", str(task), "--budget", "120", "--purpose", "title", "--language", "en")
    told = patina(*run)
    assert told.code == 0, told.err
    version = told.out.split("patina prompts promote ")[-1].split()[0]
    assert f"{version}  title.en:v2  learned  ← " in patina("prompts", "list").out
    assert json.loads(patina(*run, "--json").out.splitlines()[-1])["version_id"] == version
    promoted = patina("prompts", "promote", version, "--intent", "writing")
    assert f"v2 ({version}) answers from now on where title.en (writing, scripted) did." in promoted.err
    assert f"{version}  title.en:v2  learned  in use (writing, scripted)" in patina("prompts", "list").out
    assert "Title:" in patina("prompts", "show", version).out, "the frame belongs to it"
    back = patina("prompts", "rollback", "title", "en", "--intent", "writing")
    assert back.err == "title.en (writing, scripted) is the prompt that comes with Patina again.\n"
    patina("prompts", "promote", version, "--model", "")
    assert f"{version}  title.en:v2  learned  in use  ←" in patina("prompts", "list").out, "with all that have no other"
    patina("prompts", "promote", "title.en:v1", "--model", "scripted")
    back = patina("prompts", "rollback", "title", "en")
    assert back.err == f"title.en (scripted) is v2 ({version}) again.\n", "that of all"
    assert patina("prompts", "rollback", "title", "en").code == 0
    patina("prompts", "promote", version, "--model", "scripted")
    wider = patina("prompts", "promote", "title.en:v1")
    assert "v1" in wider.err
    assert "v2 goes on answering as title.en (scripted)" in wider.err
    patina("prompts", "rollback", "title", "en", "--model", "scripted")
    assert "is no model here" not in promoted.err
    mistyped = patina("prompts", "promote", version, "--model", "scripzed")
    assert "scripzed is no model here: until there is one of that name nothing changes." in mistyped.err
    refused = patina("prompts", "optimise", "--task", str(task), "--purpose", "titles")
    assert refused.code == 2
    assert "fact-extraction" in refused.err


def test_every_purpose_is_listed_in_both_languages(patina: Patina) -> None:
    listed = patina("prompts", "list").out
    assert all(f"  {purpose}.{language}:v1  Patina" in listed for purpose in PURPOSES for language in ("en", "zh"))


def test_a_layman_reads_what_was_gained_in_either_language(patina: Patina, pupil: PupilChatModel, task: Path) -> None:
    told = patina("prompts", "optimise", "--task", str(task), "--budget", "120").out
    assert "Found a better prompt." in told
    assert "It is kept as v2" in told
    assert "examples that took no part in the choice" in told
    assert "Answers are held to the form of those that are accepted." in told
    told = patina("prompts", "optimise", "--task", str(task), "--budget", "120", language="zh_CN.UTF-8").out
    assert "找到了更好的提示词。" in told
    assert "说明不了遇到新问题时会怎样" not in told
    assert "没有使用的示例" not in told
    learned = (task / "train.jsonl").read_text("utf-8").splitlines()
    for name in ("train", "test"):
        with (task / f"{name}.jsonl").open("a", encoding="utf-8") as rows:
            rows.write(f"\n{learned[0]}")
    told = patina("prompts", "optimise", "--task", str(task), "--budget", "120", language="zh_CN.UTF-8").out
    assert "其中 1 个也在学习用的示例里，说明不了遇到新问题时会怎样。" in told
    assert "与别的示例内容相同、因而没有使用的示例：1 个。" in told


def test_a_broken_task_is_explained(patina: Patina, task: Path, paths: Paths) -> None:
    (task / "train.jsonl").write_text('{"input": "a", "output": "b"}\n{"input": 1}\n')
    refused = patina("prompts", "optimise", "--task", str(task))
    assert refused.code == 1
    assert "line 2" in refused.err
    assert "Traceback" not in refused.err


def test_versions_are_exported(patina: Patina, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    assert patina("prompts", "export", str(file)).code == 0
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert {row["name"] for row in rows if row["kind"] == "version"} >= {"chat", "attachment"}
    assert patina("prompts", "export").out == file.read_text("utf-8")


def test_a_file_that_cannot_be_written_is_said_to_be_one(patina: Patina, tmp_path: Path) -> None:
    for file in (tmp_path / "nowhere" / "x.jsonl", tmp_path):
        refused = patina("prompts", "export", str(file))
        assert refused.code == 1
        assert f"{file} cannot be written" in refused.err


def test_a_version_is_exported_and_taken_elsewhere_without_being_used(
    patina: Patina, pupil: PupilChatModel, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert patina("prompts", "optimise", "--task", str(task), "--budget", "120").code == 0
    prompts, evidence = tmp_path / "prompts.jsonl", tmp_path / "evidence.jsonl"
    exported = patina("prompts", "export", str(prompts), "--evidence", str(evidence), "--no-redact")
    assert exported.code == 0, exported.err
    assert evidence.read_text("utf-8") == "", "nobody has said anything yet"
    monkeypatch.setenv("PATINA_HOME", str(tmp_path / "elsewhere"))
    taken = patina("prompts", "import", str(prompts))
    assert taken.code == 0, taken.err
    assert "patina prompts promote" in taken.err
    listed = patina("prompts", "list").out
    assert listed.count("parity.en") == 2
    assert "in use" not in listed
    prompts.write_text("{}", "utf-8")
    refused = patina("prompts", "import", str(prompts))
    assert refused.code == 1
    assert "(line 1): it is not a prompt as Patina exports it" in refused.err


def test_evidence_is_taken_in_from_a_file_and_let_go_of(patina: Patina, tmp_path: Path) -> None:
    told = {
        "kind": "evidence", "prompt": "chat", "opening": True, "question": "Why?", "answer": "Because.",
        "version": "", "model": "m", "answered_at": 1.0, "by": "owner", "signals": ["thumb_up"],
    }  # fmt: skip
    file = tmp_path / "evidence.jsonl"
    file.write_text("".join(f"{json.dumps(told | {'question': f'Why {n}?'})}\n" for n in range(3)), "utf-8")
    assert "Took in evidence of 3 answer(s). 0 were here already" in patina("prompts", "import", str(file)).err
    assert "已收下 0 个回答的依据。3 个这里已有" in patina("prompts", "import", str(file), language="zh_CN.UTF-8").err
    assert "Let go of the evidence of 3 answer(s)." in patina("prompts", "forget-evidence").err
    file.write_text(json.dumps(told | {"by": "Eve"}), "utf-8")
    refused = patina("prompts", "import", str(file))
    assert refused.code == 1
    assert "(line 1): it is not evidence as Patina exports it" in refused.err


def test_a_patina_that_runs_does_the_work_with_the_same_result(
    patina: Patina, pupil: PupilChatModel, task: Path, paths: Paths
) -> None:
    command = ("prompts", "optimise", "--task", str(task), "--budget", "120", "--json")
    with serving_in_thread(paths, FakeModels(pupil)):
        over_there = json.loads(patina(*command).out)
    here = json.loads(patina(*command).out)
    same = ("calls", "tokens", "decision", "prompt", "version", "seed_test", "final_test")
    assert {key: over_there[key] for key in same} == {key: here[key] for key in same}
    assert here["run"] == over_there["run"]


@pytest.mark.parametrize("is_serving", [False, True])
@pytest.mark.parametrize("purpose", [(), ("--purpose", "title", "--language", "en")])
def test_the_test_file_is_not_looked_into_before_the_last_decision(
    patina: Patina, pupil: PupilChatModel, task: Path, paths: Paths, is_serving: bool, purpose: tuple[str, ...]
) -> None:
    test = task / "test.jsonl"
    rows = test.read_text("utf-8")
    test.write_text("nobody can read this yet", "utf-8")
    skill = pupil.skill

    def asked(instruction: str, examples: int, held: bool) -> float:
        if len(pupil.calls) > 12:
            test.write_text(rows, "utf-8")
        return skill(instruction, examples, held)

    pupil.skill = asked
    if purpose:
        (task / "task.yaml").unlink()
        pupil.right = lambda framed: right(framed.split("-----")[1].strip() if "-----" in framed else framed)
    command = ("prompts", "optimise", "--task", str(task), "--budget", "120", "--json", *purpose)
    with serving_in_thread(paths, FakeModels(pupil)) if is_serving else nullcontext():
        ran = patina(*command)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out.splitlines()[-1])["final_test"]["n"] == 40


def test_what_moves_and_what_there_is_can_be_read_by_a_script(
    patina: Patina, pupil: PupilChatModel, task: Path
) -> None:
    def read(*command: str) -> Any:
        ran = patina("prompts", *command, "--json")
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)

    version = read("optimise", "--task", str(task), "--budget", "120")["version"]["id"]
    scope = {"name": "parity", "language": "en", "intent": "", "model": "scripted"}
    assert read("promote", "parity:v2") == {"version": version, "number": 2, "scope": scope}
    [found] = [one for one in read("list") if one["id"] == version]
    assert found["full_name"] == "parity.en:v2"
    assert [(label["label"], label["scope"]) for label in found["labels"]] == [("production", scope)]
    told = read("trials")
    assert told["trials"] == []
    assert [(move["label"], move["to_id"]) for move in told["moves"]] == [("production", version)]
    assert read("rollback", "parity", "en") == {"version": None, "number": 0, "scope": scope}


def test_it_is_said_beforehand_that_the_final_test_is_beyond_the_limits(
    patina: Patina, pupil: PupilChatModel, task: Path
) -> None:
    command = ("prompts", "optimise", "--task", str(task), "--budget", "120")
    ran = patina(*command)
    assert "every line of test.jsonl is asked once or twice more, whatever the limits" in ran.err
    assert re.search(r"The final test took 80 calls, \d+ tokens, \d+ s more\.", ran.out)
    (task / "test.jsonl").unlink()
    assert "test.jsonl" not in patina(*command).err


def test_a_task_whose_name_has_a_slash_is_handled_while_patina_serves(
    patina: Patina, pupil: PupilChatModel, task: Path, paths: Paths
) -> None:
    settings = task / "task.yaml"
    settings.write_text(settings.read_text("utf-8").replace("name: parity", "name: reviews/mood"), "utf-8")
    ran = patina("prompts", "optimise", "--task", str(task), "--budget", "120", "--json")
    version = json.loads(ran.out.splitlines()[-1])["version"]["id"]
    with serving_in_thread(paths, FakeModels(pupil)) as address:
        shown = patina("prompts", "show", "reviews/mood.en:v2", "--json")
        assert json.loads(shown.out)["id"] == version
        assert patina("prompts", "diff", "reviews/mood.en:v1", "reviews/mood.en:v2").out.startswith("---")
        assert patina("prompts", "promote", "reviews/mood.en:v2").code == 0
        back = patina("prompts", "rollback", "reviews/mood", "en")
        assert (back.code, back.err.startswith("reviews/mood.en (scripted) is ")) == (0, True), back.err
        with httpx.Client(base_url=address, trust_env=False) as http:
            assert http.get(f"/api/prompts/{version}").json()["id"] == version
            assert "prompt_run" in http.get("/api/prompts/runs/nothing").text
            listed = http.get("/api/prompts/", follow_redirects=True)
            assert isinstance(listed.json(), list)


@pytest.mark.parametrize("is_serving", [False, True])
def test_a_broken_test_file_is_explained_and_takes_nothing_away(
    patina: Patina, pupil: PupilChatModel, task: Path, paths: Paths, is_serving: bool
) -> None:
    (task / "test.jsonl").write_text('{"input": 1}\n', "utf-8")
    with serving_in_thread(paths, FakeModels(pupil)) if is_serving else nullcontext():
        ran = patina("prompts", "optimise", "--task", str(task), "--budget", "120", "--json")
    assert ran.code == 0
    told = json.loads(ran.out.splitlines()[-1])
    assert (told["decision"], told["seed_test"], told["final_test"]) == ("better", None, None)
    assert "test.jsonl" in ran.err
    assert "line 1" in ran.err
    assert (told["test_error"]["code"], told["test_error"]["facts"]["line"]) == ("task_invalid", 1)
    assert told["test_error"]["message"] in ran.err


@pytest.mark.parametrize("is_serving", [False, True])
def test_a_task_is_asked_with_the_prompt_that_was_put_in_use(
    patina: Patina, pupil: PupilChatModel, task: Path, paths: Paths, is_serving: bool
) -> None:
    def asked() -> dict[str, object]:
        ran = patina("ask", "--task", str(task), "number 8", "--json")
        assert ran.code == 0, ran.err
        said: dict[str, object] = json.loads(ran.out)
        return said

    with serving_in_thread(paths, FakeModels(pupil)) if is_serving else nullcontext():
        assert (asked()["version"], asked()["number"]) == ("", 0)
        assert "grammar" not in pupil.options[-1]
        assert patina("prompts", "optimise", "--task", str(task), "--budget", "120").code == 0
        assert asked()["number"] == 0, "nobody has put it in use yet"
        assert patina("prompts", "promote", "parity:v2").code == 0
        assert asked()["number"] == 2
        assert "grammar" in pupil.options[-1]
        assert patina("ask", "--task", str(task), "number 9").out == "odd\n"
        assert patina("prompts", "rollback", "parity", "en").code == 0
        assert asked()["number"] == 0
        unknown = patina("ask", "--task", "no such task", "number 8")
        assert unknown.code == 1
        assert "no such task" in unknown.err
    with closing(sqlite3.connect(paths.database)) as kept:
        assert kept.execute("SELECT COUNT(*) FROM conversations").fetchone() == (0,)


def test_what_comes_through_a_pipe_is_asked_of_a_task_too(patina: Patina, pupil: PupilChatModel, task: Path) -> None:
    for question, piped, asked in (
        ("Which is it?", "number 8\n", "Which is it?\n\nnumber 8\n"),
        ("number 8", "\n", "number 8"),
        ("", "number 8\n", "number 8\n"),
    ):
        ran = patina("ask", "--task", str(task), *filter(None, [question]), stdin=piped)
        assert ran.code == 0, ran.err
        assert pupil.calls[-1][-1].text.endswith(asked)
    assert patina("ask", "--task", str(task), stdin="\n").code == 1


@pytest.mark.parametrize(("language", "said"), [("en_US.UTF-8", "beside --task"), ("zh_CN.UTF-8", "与 --task")])
@pytest.mark.parametrize(
    "options",
    [("--file", "no such file"), ("-d", "never"), ("--collection", "mails"), ("-c", "01"), ("-c", "01", "-f", "a")],
)
def test_what_a_task_cannot_take_is_refused_and_not_left_out(
    patina: Patina, pupil: PupilChatModel, task: Path, options: tuple[str, ...], language: str, said: str
) -> None:
    refused = patina("ask", "--task", str(task), "number 8", *options, language=language)
    assert (refused.code, refused.out, pupil.calls) == (2, "", [])
    assert said in " ".join(refused.err.replace("│", " ").split())


@pytest.mark.parametrize("is_serving", [False, True])
def test_a_metric_of_ones_own_counts_wherever_the_work_is_done(
    patina: Patina, pupil: PupilChatModel, task: Path, paths: Paths, is_serving: bool
) -> None:
    paths.home.mkdir(parents=True, exist_ok=True)
    (paths.home / "metrics").mkdir()
    (paths.home / "metrics" / "parity.py").write_text(
        "def score(answer, accepted):\n    return float(answer in accepted)\n", "utf-8"
    )
    (task / "task.yaml").write_text("seed_prompt: What?\nmetric: parity\n", "utf-8")
    with serving_in_thread(paths, FakeModels(pupil)) if is_serving else nullcontext():
        ran = patina("prompts", "optimise", "--task", str(task), "--budget", "60", "--json")
    assert ran.code == 0, ran.err


def test_a_patina_that_runs_is_asked_instead_of_the_files(patina: Patina, running: str, tmp_path: Path) -> None:
    listed = patina("prompts", "list")
    assert listed.code == 0, listed.err
    seed = next(line.split()[0] for line in listed.out.splitlines() if "chat.en" in line)
    assert "It never changes these rules" in patina("prompts", "show", seed).out
    assert patina("prompts", "promote", seed).code == 0
    assert "in use" in patina("prompts", "list").out
    assert patina("prompts", "diff", seed, seed).out.strip() == "The two versions say the same."
    assert "→" in patina("prompts", "trials").out
    assert patina("prompts", "export", "--evidence", str(tmp_path / "e.jsonl")).code == 0
    assert (tmp_path / "e.jsonl").read_text("utf-8") == ""
    exported = patina("prompts", "export").out
    assert exported.count("\n") >= 5
    (tmp_path / "p.jsonl").write_text(exported, "utf-8")
    assert "no prompt in it" in patina("prompts", "import", str(tmp_path / "p.jsonl")).err
    assert patina("prompts", "rollback", "chat", "en").code == 0
    assert patina("prompts", "show", "nothing").code == 1
