"""One message on its way out, in whichever form: how it is kept until it has arrived, and how a message that stands in
the chat is made to read like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from aiogram.methods import EditMessageText, SendMessage, SendRichMessage
from aiogram.types import InputRichMessage, LinkPreviewOptions

Post: TypeAlias = SendMessage | SendRichMessage
NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)
"""A preview is fetched by Telegram without anybody's click: an address in an answer could carry words out in it."""
_MARK: Final = "…"


def kept(post: Post, otherwise: SendMessage | None, instead: Sequence[SendMessage]) -> dict[str, Any]:
    """As JSON, with what takes its place where its fate stays unknown, and where Telegram will not have this form."""
    # What was not set stands for the bot's defaults, which JSON has no word for.
    content = {"message": post.model_dump(mode="json", exclude_unset=True, exclude={"rich_message"})}
    if isinstance(post, SendRichMessage):
        content["rich"] = post.rich_message.model_dump(mode="json", exclude_none=True)
        content["instead"] = [kept(one, otherwise, ()) for one in instead]  # type: ignore[assignment]
    if otherwise is not None:
        content["otherwise"] = otherwise.model_dump(mode="json", exclude_unset=True)
    return content


def read(content: Mapping[str, Any]) -> Post:
    if "rich" in content:
        rich = InputRichMessage.model_validate(content["rich"])
        return SendRichMessage.model_validate({**content["message"], "rich_message": rich})
    return SendMessage.model_validate(content["message"])


def edit_to(message_id: int, post: Post) -> EditMessageText:
    """Idempotent, unlike sending."""
    edit = EditMessageText(
        chat_id=post.chat_id,
        message_id=message_id,
        reply_markup=post.reply_markup,  # type: ignore[arg-type]  # the bot makes inline keyboards only
        parse_mode=None,
    )
    if isinstance(post, SendRichMessage):
        return edit.model_copy(update={"rich_message": post.rich_message})
    return edit.model_copy(update={"text": post.text, "entities": post.entities, "link_preview_options": NO_PREVIEW})


def sign_for(post: Post) -> SendMessage:
    """A message in the same place that says nothing, and will be edited or deleted."""
    return SendMessage(
        chat_id=post.chat_id,
        message_thread_id=post.message_thread_id,
        reply_parameters=post.reply_parameters,
        text=_MARK,
        parse_mode=None,
    )
