"""What an OpenAI client may send, checked, and turned into the core's own words.

A field that only tunes something we do not have is ignored, as every server of this protocol does; a field that would
change the answer and cannot be honoured is refused by name.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from assistant.config import Sampling
from assistant.errors import ParameterRefused
from assistant.memory.records import NewAttachment
from assistant.models.protocol import Priority
from assistant.server.openai_pictures import ImageUrl

_LARGEST_SEED: Final = 2**32 - 1
"""Seeds are 32 bits wide in llama.cpp, and all ones would mean: a random one."""
_SMALLEST_TOP_P: Final = 1e-6
_MOST_TOKENS: Final = 2**31 - 1
"""Tokens are counted in 32 bits. A window is known only once its model is loaded, and ends an answer by itself."""
_MOST_LOGPROBS: Final = 20


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class ContentPart(_Lenient):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | None = None


class FunctionCall(_Lenient):
    name: str
    arguments: str = "{}"


class ToolCall(_Lenient):
    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(_Lenient):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class StreamOptions(_Lenient):
    include_usage: bool = False


ToolChoice: TypeAlias = str | dict[str, Any]
TokenBudget: TypeAlias = Annotated[int, Field(ge=1, le=_MOST_TOKENS)]


def _or_current(name: str | None) -> str | None:
    return None if name in {None, "", "default"} else name


ModelName: TypeAlias = Annotated[str | None, AfterValidator(_or_current)]
"""None stands for the current model; clients that must send a name may say "default"."""


class ChatCompletionRequest(_Lenient):
    """Of POST /v1/chat/completions. `top_k`, `min_p`, `repeat_penalty` and `grammar` (GBNF) are what local servers add
    to it; `priority` and `deadline` (in seconds) are ours."""

    messages: Annotated[list[Message], Field(min_length=1)]
    model: ModelName = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[float, Field(ge=0.5, le=2)] | None = None
    max_tokens: TokenBudget | None = None
    max_completion_tokens: TokenBudget | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: ToolChoice | None = None
    response_format: dict[str, Any] | None = None
    grammar: str | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=_MOST_LOGPROBS)] | None = None
    user: str | None = None
    priority: Priority | None = None
    deadline: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    # Refused by `check` unless they ask for nothing:
    n: int | None = None
    logit_bias: dict[str, float] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    modalities: list[str] | None = None
    functions: list[Any] | None = None
    function_call: Any = None

    def check(self) -> None:
        """Raises ParameterRefused for the first thing that would be ignored to somebody's surprise."""
        refusals: tuple[tuple[str, bool, str], ...] = (
            ("n", self.n not in {None, 1}, "one_choice_only"),
            ("top_logprobs", bool(self.top_logprobs) and not self.logprobs, "needs_logprobs"),
            ("logit_bias", bool(self.logit_bias), "no_logit_bias"),
            ("presence_penalty", bool(self.presence_penalty), "no_penalties"),
            ("frequency_penalty", bool(self.frequency_penalty), "no_penalties"),
            ("modalities", self.modalities not in (None, [], ["text"]), "text_only"),
            ("functions", bool(self.functions), "use_tools"),
            ("function_call", bool(self.function_call), "use_tools"),
            ("grammar", bool(self.grammar) and self.format() is not None, "either_form"),
            ("tools", any(tool.get("type") != "function" for tool in self.tools or ()), "functions_only"),
            ("tool_choice", not _known_choice(self.tool_choice), "functions_only"),
        )
        for name, refused, reason in refusals:
            if refused:
                raise ParameterRefused(name=name, reason=reason)

    def sampling(self, default: Sampling) -> Sampling | None:
        """The default with everything the request names in its place; None where it names nothing."""
        named = {
            "temperature": self.temperature,
            "top_p": None if self.top_p is None else max(self.top_p, _SMALLEST_TOP_P),
            "top_k": self.top_k,
            "min_p": self.min_p,
            "repeat_penalty": self.repeat_penalty,
            "max_tokens": self.max_completion_tokens or self.max_tokens,
            "seed": None if self.seed is None else self.seed % _LARGEST_SEED,
        }
        given = {name: value for name, value in named.items() if value is not None}
        return default.model_copy(update=given) if given else None

    @property
    def likelihoods(self) -> int | None:
        """How many other tokens are to be told beside each of the answer; None tells not even those."""
        return self.top_logprobs or 0 if self.logprobs else None

    def stops(self) -> tuple[str, ...]:
        found = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in found if text)

    def offered_tools(self) -> tuple[dict[str, Any], ...]:
        """None of them when the request forbids calling any."""
        return () if self.tool_choice == "none" else tuple(self.tools or ())

    def format(self) -> dict[str, Any] | None:
        """How the answer is to be shaped; None for plain text."""
        if self.response_format is None or self.response_format.get("type") == "text":
            return None
        match self.response_format:
            case {"type": "json_object"} | {"type": "json_schema", "json_schema": {"schema": {}}}:
                return self.response_format
            case {"type": "json_schema"}:
                raise ParameterRefused(name="response_format.json_schema.schema", reason="missing")
            case _:
                raise ParameterRefused(name="response_format.type", reason="unknown_format")

    def chat(self) -> tuple[BaseMessage, ...]:
        return tuple(_message(message, f"messages.{i}") for i, message in enumerate(self.messages))

    def first_picture(self) -> str:
        """The name of the first field with a picture; empty where there is none."""
        names = (name for i, message in enumerate(self.messages) for name, _ in _pictures(message, f"messages.{i}"))
        return next(names, "")

    def question(self) -> tuple[str, list[NewAttachment]]:
        """The last message of the person and its pictures, for a conversation whose history is stored here."""
        for i in range(len(self.messages) - 1, -1, -1):
            message = self.messages[i]
            if message.role == "user":
                said = _text(message.content, f"messages.{i}.content", pictures=True)
                sent = [url.picture(where) for where, url in _pictures(message, f"messages.{i}")]
                return said, [NewAttachment(f"picture-{n}.jpg", data) for n, data in enumerate(sent, 1)]
        raise ParameterRefused(name="messages", reason="no_user_message")


class EmbeddingRequest(_Lenient):
    """Of POST /v1/embeddings."""

    input: str | list[Any]
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None

    def texts(self) -> list[str]:
        found = [self.input] if isinstance(self.input, str) else self.input
        if not found or not all(found):
            raise ParameterRefused(name="input", reason="empty")
        if not all(isinstance(item, str) for item in found):
            raise ParameterRefused(name="input", reason="no_token_ids")
        return found


def _message(message: Message, where: str) -> BaseMessage:
    pictures = _pictures(message, where)
    text = _text(message.content, f"{where}.content", pictures=bool(pictures))
    match message.role:
        case "system" | "developer":
            return SystemMessage(text)
        case "user":
            return HumanMessage(_parts(message, where)) if pictures else HumanMessage(text)
        case "tool":
            if message.tool_call_id is None:
                raise ParameterRefused(name=f"{where}.tool_call_id", reason="empty")
            return ToolMessage(text, tool_call_id=message.tool_call_id)
        case "assistant":
            calls = [
                {"id": call.id, "name": call.function.name, "args": _arguments(call.function.arguments)}
                for call in message.tool_calls or ()
            ]
            return AIMessage(text, tool_calls=calls)


def _text(content: str | list[ContentPart] | None, where: str, *, pictures: bool = False) -> str:
    """The words of a message; `pictures` among them are somebody else's to take."""
    if content is None or isinstance(content, str):
        return content or ""
    pieces: list[str] = []
    for i, part in enumerate(content):
        if pictures and part.type == "image_url" and part.image_url is not None:
            continue
        piece = part.text if part.type == "text" else part.refusal if part.type == "refusal" else None
        if piece is None:
            raise ParameterRefused(name=f"{where}.{i}.{part.type}", reason="text_only")
        pieces.append(piece)
    return "\n".join(pieces)


def _pictures(message: Message, where: str) -> list[tuple[str, ImageUrl]]:
    """Those of a person's message, each with the name of its field."""
    if message.role != "user" or not isinstance(message.content, list):
        return []
    named = ((f"{where}.content.{i}.image_url", part) for i, part in enumerate(message.content))
    return [(name, part.image_url) for name, part in named if part.type == "image_url" and part.image_url is not None]


def _parts(message: Message, where: str) -> list[str | dict[str, Any]]:
    """Words and pictures in the order they were sent in."""
    found: list[str | dict[str, Any]] = []
    for i, part in enumerate(message.content or ()):
        if isinstance(part, ContentPart) and part.type == "image_url" and part.image_url is not None:
            found.append(part.image_url.block(f"{where}.content.{i}.image_url"))
        elif isinstance(part, ContentPart):
            found.append({"type": "text", "text": part.text or part.refusal or ""})
    return found


def _arguments(text: str) -> dict[str, Any]:
    # A small model's broken call comes back in the history; it must not end the conversation.
    try:
        value = json.loads(text or "{}")
    except json.JSONDecodeError:
        return {"arguments": text}
    return value if isinstance(value, dict) else {"arguments": value}


def _known_choice(choice: ToolChoice | None) -> bool:
    if isinstance(choice, dict):
        return choice.get("type") == "function"
    return choice in {None, "none", "auto", "required"}
