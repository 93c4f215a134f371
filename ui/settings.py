"""The settings panel: language, sampling, Telegram pairing, and where the data lies."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any, Final

from assistant.api import Assistant
from assistant.errors import AssistantError, NotFound
from assistant.memory.records import PairingCode, Role
from ui.preferences import Preferences
from ui.presenter import Presenter
from ui.visit import Visit, language_tag

_TEXTS: Final = {"language", "telegram.token"}
_NUMBERS: Final = {"sampling.temperature", "sampling.top_p"}
_COUNTS: Final = {"sampling.max_tokens"}
_DUELS: Final = "learning.duels"
_ROLES: Final[dict[str, Role]] = {"owner": "owner", "member": "member", "guest": "guest"}
_LIMITS: Final = {"questions_a_day", "tokens_a_day", "at_once"}
_TITLES: Final = "conversations.titles"


class SettingsPanel:
    """Only the keys named above can be written from a browser."""

    def __init__(self, assistant: Assistant, presenter: Presenter, preferences: Preferences) -> None:
        self._assistant = assistant
        self._presenter = presenter
        self._preferences = preferences

    async def panel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self._drawn(visit)

    async def set(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        key = visit.text("setting")
        message = ""
        try:
            if key in _TEXTS:
                self._preferences.save(key, visit.text("value").strip() or None)
            elif key in _NUMBERS:
                self._preferences.save(key, visit.number("value"))
            elif key in _COUNTS:
                number = visit.number("value")
                self._preferences.save(key, None if number is None else int(number))
            elif key == _DUELS:
                wanted = bool(visit.text("value"))
                self._preferences.save(key, wanted)
                await self._assistant.duels.use(wanted)
            elif key == _TITLES:
                wanted = bool(visit.text("value"))
                self._preferences.save(key, wanted)
                self._assistant.titles.on = wanted
            self._assistant.use_sampling(self._preferences.settings.sampling)
            visit = replace(visit, language=self._preferences.language(visit.text("tag")))
            message = "settings.restart" if key == "telegram.token" else "settings.saved"
            message = self._presenter.text(visit.language, message)
        except AssistantError as error:
            message = self._presenter.explain(error, visit.language)
        yield await self._drawn(visit, message=message)

    async def pair(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """A code for the owner's own phone, or for somebody else's."""
        role = _ROLES.get(visit.text("role"), "member")
        yield await self._drawn(visit, code=await self._assistant.people.new_code("telegram", role))

    async def unpair(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._assistant.people.remove(visit.text("person"))
        yield await self._drawn(visit)

    async def admit(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Let in whoever was shown this code; `role` empty leaves them outside."""
        role, message = visit.text("role"), ""
        try:
            if role in _ROLES:
                await self._assistant.people.admit(visit.text("code"), _ROLES[role])
            else:
                await self._assistant.people.refuse(visit.text("code"))
        except AssistantError as error:
            message = self._presenter.explain(error, visit.language)
        yield await self._drawn(visit, message=message)

    async def person(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Change what somebody may; a limit left empty is that of the role, 0 is none."""
        key, value, message = visit.text("what"), visit.text("value").strip(), ""
        people = self._assistant.people
        try:
            before = next((one for one in await people.list() if one.id == visit.text("person")), None)
            if before is None:
                raise NotFound(kind="person", id=visit.text("person"))
            if key == "role" and value in _ROLES:
                await people.change(before.id, role=_ROLES[value])
            elif key == "documents":
                await people.change(before.id, documents=bool(value))
            elif key in _LIMITS and (not value or value.isdecimal()):
                limit = {key: int(value) if value else None}
                await people.change(before.id, quota=replace(before.quota, **limit))
        except AssistantError as error:
            message = self._presenter.explain(error, visit.language)
        yield await self._drawn(visit, message=message)

    async def _drawn(self, visit: Visit, *, code: PairingCode | None = None, message: str = "") -> dict[str, Any]:
        people = self._assistant.people
        html = self._presenter.settings(
            visit.language,
            self._preferences.settings,
            self._preferences.paths,
            await self._assistant.models(),
            [(one, await people.allowance(one.id)) for one in await people.list()],
            code,
            message,
            knocks=await people.knocks(),
            duels=await self._assistant.duels.wanted(),
        )
        return {"settings": {"html": html, "language": language_tag(visit.language)}}
