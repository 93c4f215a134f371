"""Another keyboard below a message that is there already."""

from __future__ import annotations

import logging

from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import EditMessageReplyMarkup
from aiogram.types import InlineKeyboardMarkup

from bots.telegram.sending import Sender
from bots.telegram.streaming import edited

_log = logging.getLogger(__name__)


async def put_keyboard(sender: Sender, chat_id: int, message_id: int, keyboard: InlineKeyboardMarkup | None) -> None:
    """None takes it away. A message that is gone, or too old to be changed, stays as it is."""
    method = EditMessageReplyMarkup(chat_id=chat_id, message_id=message_id, reply_markup=keyboard)
    try:
        await edited(sender.send(method, repeatable=True))
    except TelegramBadRequest as error:
        _log.info("telegram: the buttons below a message stay as they are: %s", error)
