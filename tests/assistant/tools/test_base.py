"""How tools are declared, what a call is held to, and that LangChain's tools are ours."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from langchain_core.tools import StructuredTool
from langchain_core.tools import tool as langchain_tool

from assistant.errors import ArgumentsRefused, NotFound, ToolFailed, ToolTimedOut
from assistant.tools.base import Asked, Caller, Outcome, Tool, tool
from assistant.tools.builtin.reckoning import reckoning
from assistant.tools.workbench import Workbench

CALLER = Caller("turn", None, "en", dt.datetime(2026, 11, 26, 10))


@tool(permission="person")
async def greet(asked: Asked, name: str, times: int = 1) -> str:
    """Say hello.

    Args:
        name: Whom to.
        times: How often.
    """
    return f"hello {name} " * times + asked.turn_id


@tool(permission="free", seconds=0.01)
async def sleepy() -> str:
    """Never ends."""
    await asyncio.Event().wait()
    return ""


@langchain_tool
def double(number: int) -> int:
    """Double a number."""
    return number * 2


def test_the_model_reads_the_signature_and_the_docstring_and_nothing_of_who_asks() -> None:
    function = greet.schema["function"]
    assert (function["name"], function["description"]) == ("greet", "Say hello.")
    parameters = function["parameters"]
    assert set(parameters["properties"]) == {"name", "times"}
    assert parameters["properties"]["name"] == {"type": "string", "description": "Whom to."}
    assert parameters["required"] == ["name"]
    for one in reckoning():
        for described in one.schema["function"]["parameters"]["properties"].values():
            assert described["description"]


async def test_a_call_is_checked_and_knows_who_asks() -> None:
    given = greet.read('{"name": "Ann", "times": "2"}')
    assert given == {"name": "Ann", "times": 2}
    assert await greet.call(given, CALLER) == Outcome("hello Ann hello Ann turn")


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "[1]",
        "nonsense",
        '{"name": 5}',
        '{"name": "Ann", "asked": {"turn_id": "other"}}',
        '{"name": "Ann", "more": 1}',
        '{"name": "' + "x" * 20_000 + '"}',
        "[" * 10_000,
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_done(arguments: str) -> None:
    with pytest.raises(ArgumentsRefused):
        greet.read(arguments)


async def test_langchains_tools_are_ours_with_a_permission() -> None:
    ours = Tool(double, "owner")
    assert (await Workbench([ours]).run(ours, ours.read('{"number": "21"}'), CALLER)).text == "42"
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    described = Tool(StructuredTool(name="far", description="Far.", func=lambda n: n, args_schema=schema), "owner")
    assert described.read('{"n": 3}') == {"n": 3}
    with pytest.raises(ArgumentsRefused):
        described.read('{"n": "3"}')


async def test_a_call_has_a_time_limit_and_its_failure_is_told() -> None:
    @tool(permission="free")
    def broken() -> str:
        """Breaks."""
        raise RuntimeError("no paper left")

    bench = Workbench([sleepy, broken])
    with pytest.raises(ToolTimedOut):
        await bench.run(sleepy, {}, CALLER)
    with pytest.raises(ToolFailed) as caught:
        await bench.run(broken, {}, CALLER)
    assert caught.value.reason == "no paper left"
    with pytest.raises(NotFound):
        bench.get("unknown")
    with pytest.raises(ValueError, match="greet"):
        Workbench([greet, greet])


def test_guests_are_given_only_what_is_free() -> None:
    bench = Workbench([greet, sleepy, Tool(double, "owner")])
    assert set(bench.of("guest")) == {"sleepy"}
    assert set(bench.of("member")) == set(bench.of("owner")) == {"greet", "sleepy", "double"}
