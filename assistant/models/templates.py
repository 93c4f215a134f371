"""Writes a conversation the way a model was trained to read it, with the Jinja template its file carries.

What comes from messages and tool schemas is marked untrusted in the result, so that no text in it can become one of
the model's control tokens; what the template itself says is trusted. A template that refuses a conversation (no system
role, strict turns, no tools) gets a plainer one, and ChatML is the last resort: rendering never fails.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NoReturn, TypeAlias

from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from assistant.models.protocol import LoadedModel, PromptPart
from assistant.models.reasoning import split_reasoning

_log = logging.getLogger(__name__)

_CHATML: Final = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TOOLS_INTRODUCTION: Final = (
    "# Tools\n\nYou may call these functions. To call one, answer with a JSON object inside tags, and nothing else:\n"
    '<tool_call>\n{"name": "the function", "arguments": {"its": "arguments"}}\n</tool_call>\n\n'
)
# Unicode keeps these for a program's inner use: no text that people exchange holds them.
_NONCHARACTERS: Final = re.compile("[\ufdd0-\ufdd3]")
_CUTS: Final = frozenset({"split", "rsplit", "partition", "rpartition", "replace"})
_QUESTIONS: Final = frozenset({"startswith", "endswith", "find", "rfind", "index", "count"})
_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})

Message: TypeAlias = dict[str, Any]


class ChatTemplate:
    """The template of one loaded model; `now` tells the date to templates that mention it."""

    def __init__(self, model: LoadedModel, now: Callable[[], datetime] = datetime.now) -> None:
        self._model = model
        self._now = now
        self._marks = _Marks(model.special_tokens)
        self._chatml = self._compile(_CHATML)
        self._own: Template | None = None
        source = model.chat_template or ""
        try:
            self._own = self._compile(source) if source.strip() else None
        except TemplateError as error:
            _log.warning("the chat template of %s cannot be read, ChatML is used: %s", model.title, error)
        self._knows_tools = "tools" in source and "tool_calls" in source

    def render(
        self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]] = (), *, thinking: bool = False
    ) -> tuple[PromptPart, ...]:
        """The prompt up to where the model goes on; `tools` are OpenAI function schemas."""
        faithful = [_message(message) for message in messages]
        plain = _with_tools_in_text(faithful, tools)
        attempts: list[tuple[Template | None, list[Message], Sequence[Mapping[str, Any]]]] = [
            (self._own, faithful, tools) if self._knows_tools else (self._own, plain, ()),
            (self._own, _alternating(plain), ()),
        ]
        for template, said, offered in attempts:
            if template is None:
                continue
            try:
                return self._render(template, said, offered, thinking=thinking)
            # A template is a stranger's program: it may raise whatever Python has.
            except Exception as error:
                _log.info("the chat template of %s refused a conversation: %s", self._model.title, error)
        return self._render(self._chatml, plain, (), thinking=thinking)

    def _compile(self, source: str) -> Template:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _GenerationBlock]
        )
        environment.filters["tojson"] = self._marks.tojson
        environment.globals["raise_exception"] = _raise
        environment.globals["strftime_now"] = lambda form: self._now().strftime(form)
        self._marks.learn(environment.parse(source))
        return environment.from_string(source)

    def _render(
        self, template: Template, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], *, thinking: bool
    ) -> tuple[PromptPart, ...]:
        text = template.render(
            messages=[self._marks.around_message(message) for message in messages],
            tools=[self._marks.where_needed(tool) for tool in tools] or None,
            add_generation_prompt=True,
            bos_token=self._model.bos_token,
            eos_token=self._model.eos_token,
            enable_thinking=thinking,
        )
        return self._marks.parts(text)


class _Marks:
    """Unguessable brackets around text that is not the template's, kept through rendering and removed after it.

    Blank space at the edges stays outside, where `trim` finds it; so do the strings the template itself looks for in a
    message (`</think>` and the like), unless they are control tokens.
    """

    def __init__(self, special_tokens: Sequence[str]) -> None:
        # Digits survive what templates do to text: changing case, escaping as JSON.
        secret = str(secrets.randbelow(10**30))
        self._open, self._close = f"\ufdd0{secret}\ufdd1", f"\ufdd2{secret}\ufdd3"
        self._either = re.compile(f"({self._open}|{self._close})")
        self._special = tuple(special_tokens)
        self._sought: re.Pattern[str] | None = None

    def learn(self, template: nodes.Template) -> None:
        """Note the strings that a template looks for inside other strings."""
        sought = sorted(_sought_strings(template), key=lambda text: (-len(text), text))
        harmless = [re.escape(text) for text in sought if not self._dangerous(text)]
        self._sought = re.compile(f"({'|'.join(harmless)})") if harmless else None

    def around(self, text: str) -> str:
        text = _clean(text)
        pieces = self._sought.split(text) if self._sought else [text]
        return "".join(piece if index % 2 else self._around(piece) for index, piece in enumerate(pieces))

    def around_message(self, message: Message) -> Message:
        marked = {key: value if key == "role" else self.where_needed(value) for key, value in message.items()}
        for key in ("content", "reasoning_content"):
            if key in marked:
                marked[key] = self.around(message[key])
        return marked

    def where_needed(self, value: Any) -> Any:
        """JSON whose keys and words a template may compare: only strings with a control token in them are marked."""
        if isinstance(value, str):
            text = _clean(value)
            return self._around(text) if self._dangerous(text) else text
        if isinstance(value, Mapping):
            return {self.where_needed(key): self.where_needed(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.where_needed(item) for item in value]
        return value

    def tojson(
        self,
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        """The filter chat templates expect: no HTML escapes, keys in their order."""
        # Never ASCII escapes, which would hide the marks; a model reads the characters themselves as well.
        text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)
        return f"{self._open}{text}{self._close}"

    def parts(self, text: str) -> tuple[PromptPart, ...]:
        """Split at the marks; ValueError when the template has torn a marked text apart."""
        found: list[PromptPart] = []
        depth = 0
        for piece in self._either.split(text):
            if piece == self._open:
                depth += 1
            elif piece == self._close:
                depth -= 1
                if depth < 0:
                    raise ValueError("the template cut a message apart")
            elif piece:
                trusted = depth == 0
                if found and found[-1].trusted == trusted:
                    piece = found.pop().text + piece
                found.append(PromptPart(piece, trusted))
        if depth or any(_NONCHARACTERS.search(part.text) for part in found):
            raise ValueError("the template cut a message apart")
        return tuple(found)

    def _around(self, text: str) -> str:
        inner = text.strip()
        if not inner:
            return text
        start = text.index(inner)
        return f"{text[:start]}{self._open}{inner}{self._close}{text[start + len(inner) :]}"

    def _dangerous(self, text: str) -> bool:
        return any(token in text for token in self._special)


class _GenerationBlock(Extension):
    """`{% generation %}` marks what training looks at; for us its inside is ordinary text."""

    tags = {"generation"}  # noqa: RUF012 - declared so by Jinja

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def _clean(text: str) -> str:
    """Without halves of characters, which no tokenizer takes, and without the characters the marks are made of."""
    return _NONCHARACTERS.sub("\ufffd", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _sought_strings(template: nodes.Template) -> set[str]:
    found: set[str] = set()
    for call in template.find_all(nodes.Call):
        if isinstance(call.node, nodes.Getattr) and call.node.attr in _CUTS | _QUESTIONS:
            texts = {item.value for item in call.args if isinstance(item, nodes.Const) and isinstance(item.value, str)}
            found |= texts if call.node.attr in _CUTS else {text for text in texts if text.strip()}
    for comparison in template.find_all(nodes.Compare):
        sought = comparison.expr
        if (
            isinstance(sought, nodes.Const)
            and isinstance(sought.value, str)
            and comparison.ops[0].op in ("in", "notin")
        ):
            # A bare word is a key that is looked up in a message, not text looked for in its content.
            found |= set() if sought.value.isidentifier() or not sought.value.strip() else {sought.value}
    return found - {""}


def _message(message: BaseMessage) -> Message:
    """The dictionary chat templates expect."""
    content = str(message.text)
    match message:
        case SystemMessage():
            return {"role": "system", "content": content}
        case HumanMessage():
            return {"role": "user", "content": content}
        case ToolMessage():
            return {
                "role": "tool", "content": content, "name": message.name or "", "tool_call_id": message.tool_call_id
            }  # fmt: skip
        case AIMessage():
            return _assistant(message, content)
        case ChatMessage() if message.role in _ROLES:
            return {"role": message.role, "content": content}
        case _:
            return {"role": "user", "content": content}


def _assistant(message: AIMessage, content: str) -> Message:
    thinking, answer = split_reasoning(content)
    said: Message = {"role": "assistant", "content": answer}
    if thought := message.additional_kwargs.get("reasoning_content") or thinking:
        said["reasoning_content"] = thought
    if message.tool_calls:
        said["tool_calls"] = [
            {"id": call["id"] or "", "type": "function", "function": {"name": call["name"], "arguments": call["args"]}}
            for call in message.tool_calls
        ]
    return said


def _with_tools_in_text(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Message]:
    """For templates that know nothing of tools: schemas, calls and results become text."""
    found: list[Message] = []
    for message in messages:
        if message["role"] == "tool":
            found.append({"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"})
        elif calls := message.get("tool_calls"):
            written = [
                f"<tool_call>\n{json.dumps(call['function'], ensure_ascii=False)}\n</tool_call>" for call in calls
            ]
            content = "\n".join(filter(None, [message["content"], *written]))
            found.append({"role": "assistant", "content": content})
        else:
            found.append(message)
    if tools:
        listed = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
        text = f"{_TOOLS_INTRODUCTION}<tools>\n{listed}\n</tools>"
        if found and found[0]["role"] == "system":
            text = f"{found.pop(0)['content']}\n\n{text}"
        found.insert(0, {"role": "system", "content": text})
    return found


def _alternating(messages: Sequence[Message]) -> list[Message]:
    """For templates that know only user and assistant, in strict turns that begin with the user."""
    found: list[Message] = []
    for message in messages:
        role = "user" if message["role"] == "system" else message["role"]
        if not found and role == "assistant":
            found.append({"role": "user", "content": ""})
        if found and found[-1]["role"] == role:
            joined = "\n\n".join(filter(None, [found[-1]["content"], message["content"]]))
            found[-1] = {"role": role, "content": joined}
        else:
            found.append({"role": role, "content": message["content"]})
    return found
