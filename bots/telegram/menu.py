"""The list of commands a Telegram client shows, in both languages."""

from __future__ import annotations

import logging
from typing import Final

from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.types import BotCommand

from assistant.i18n import Language
from bots.telegram.presenter import Presenter

_log = logging.getLogger(__name__)
_COMMANDS: Final = (
    "new", "history", "switch", "stop", "regenerate", "continue", "undo", "branch", "edit", "why", "compare", "format",
    "documents", "keep", "remind", "reminders", "quiet", "quota", "export", "forget", "help",
)  # fmt: skip
_MENUS: Final[tuple[tuple[str | None, Language], ...]] = ((None, "en"), ("zh", "zh"))
"""Telegram's language code, None for everybody without a menu of their own, and our language for it."""


async def set_menu(bot: Bot, presenter: Presenter) -> None:
    """Only where it changed: Telegram shuts bots out that set it at every start. Failing is no reason not to run."""
    try:
        for code, language in _MENUS:
            wanted = {name: presenter.say(language, f"menu.{name}") for name in _COMMANDS}
            shown = {command.command: command.description for command in await bot.get_my_commands(language_code=code)}
            if list(shown.items()) != list(wanted.items()):
                menu = [BotCommand(command=name, description=text) for name, text in wanted.items()]
                await bot.set_my_commands(menu, language_code=code)
    except AiogramError as error:
        _log.warning("telegram: the command menu could not be set: %s", error)
