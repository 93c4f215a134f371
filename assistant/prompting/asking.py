"""One question to a model, as a prompt with a frame puts it."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from assistant.prompting.template import PromptVersion


def question(version: PromptVersion, values: Mapping[str, str], **variables: str) -> list[BaseMessage]:
    """What is fixed and what was learned, then the inputs in their frame. What never changes stands first, for the
    engine to share; examples are framed like the question."""
    system = SystemMessage(version.render(**variables))
    return [system, *framed_examples(version), HumanMessage(version.framed(values))]


def framed_examples(version: PromptVersion) -> list[BaseMessage]:
    """The examples in force, as turns that went before."""
    messages: list[BaseMessage] = []
    for demo in version.demos:
        messages += [HumanMessage(version.framed(version.values_in(demo.input))), AIMessage(demo.output)]
    return messages
