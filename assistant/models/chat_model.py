"""The one shape in which every model, local or remote, answers: langchain-core's `BaseChatModel`, streamed.

What our own callers need beyond LangChain's fields travels in places LangChain carries through untouched, so that any
LangChain code can use these models and simply not look there. In every streamed chunk:

- `content`: a piece of the answer, never half a character;
- `additional_kwargs["progress"]`: a list of `{"kind": "queued", "position": n}` or
  `{"kind": "recasting" | "loading" | "prefill", "done": n, "total": n}`; such a chunk has no content;
- `additional_kwargs["reasoning_content"]`: a piece of the model's thinking;
- `tool_call_chunks`: LangChain's own;
- `response_metadata["logprobs"]`: where `logprobs` were asked for, `{"content": [...]}` with the tokens of this piece
  of the answer in OpenAI's shape, so that adding chunks up gives those of the whole;
- last chunk: `usage_metadata` (with `input_token_details.cache_read`) and `response_metadata` with `finish_reason`,
  `model_name` and `timings` (`queue_ms`, `first_token_ms`, `total_ms`, `tokens_per_second`).

A question to a model that `sees` may hold pictures beside its text, as LangChain's blocks of `type` image with `base64`
and `mime_type`, or as OpenAI's of `type` image_url with a `data:` address; one that does not is never given any.

Keyword arguments taken by `ainvoke`, `astream` and `bind`: `sampling` (assistant.config.Sampling), `stop`,
`tools` (OpenAI function schemas), `tool_choice`, `response_format` (OpenAI's: text, json_object, json_schema),
`logprobs` and `top_logprobs` (OpenAI's), `deadline_s` (DeadlinePassed when the answer is not complete so many seconds
after it was asked for) and `grammar` (GBNF text, local models only); and for local models, which many share,
`priority`, `owner`, `keep` and `since` as assistant.models.protocol.Generation has them. A caller that stops iterating
by cancelling its task frees the model at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final, Protocol

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from assistant.models.protocol import TellLoading
from assistant.models.records import DownloadProgress, ModelInfo

PICTURE_TOKENS: Final = 1600
"""What a picture is counted as, for servers do not tell: at 28 pixels a side for each token, as Qwen-VL reads them,
one of 1280 by 960 pixels has 1,570."""


class ChatModel(BaseChatModel):
    """A chat model that knows its name, its window and the size of a prompt before it is sent."""

    model_name: str

    @property
    @abstractmethod
    def context_window(self) -> int:
        """In tokens, prompt and answer together. A local model knows it only once it is loaded: see `prepare`."""

    @property
    def sees(self) -> bool:
        """Whether it takes pictures."""
        return False

    @abstractmethod
    async def prepare(self, tell: TellLoading | None = None) -> None:
        """Make the model ready (load the file, look whether the server answers); nothing when it is. `tell` hears how
        far the loading is."""

    @abstractmethod
    async def count_tokens(self, messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]] = ()) -> int:
        """How many tokens the rendered prompt has; an estimate where the tokenizer is not ours to ask."""


class Models(Protocol):
    """Every model this home knows, by name. `assistant.models.registry.ModelRegistry` is the real one."""

    @property
    def current(self) -> str | None:
        """The one that answers when none is named; None when nothing is installed."""

    def answers_elsewhere(self) -> bool:
        """Whether what the current one is asked leaves this machine."""

    def list(self) -> list[ModelInfo]:
        """Installed ones, the catalogue's and remote ones."""

    def info(self, name: str) -> ModelInfo:
        """ModelUnknown lists what there is."""

    def chat_model(self, name: str | None = None) -> ChatModel:
        """NoModelChosen, ModelUnknown or ModelFileInvalid when it cannot be had."""

    def use(self, name: str) -> None:
        """Make it the current one, kept in the settings."""

    def pull(self, name: str | None = None) -> AsyncGenerator[DownloadProgress, None]:
        """Fetch it; None fetches the best one for this machine."""

    def remove(self, name: str) -> None:
        """Delete its file; only one that Patina fetched."""
