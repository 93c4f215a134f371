"""Pictures before they are kept: made small, their text read, and refused where the model that answers could do nothing
with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.errors import AssistantError, PictureUnseen
from assistant.knowledge.pictures import PictureReader, is_meant_as_picture
from assistant.memory.attachments import JPEG
from assistant.memory.records import NewAttachment
from assistant.models.chat_model import Models


class Sight:
    """Blocking, for seconds where there are pictures."""

    def __init__(self, models: Models, reader: PictureReader) -> None:
        self._models = models
        self._reader = reader

    def close(self) -> None:
        """Nothing is made ready afterwards."""
        self._reader.close()

    def ready(self, arrived: Sequence[NewAttachment], model: str | None) -> list[NewAttachment]:
        """The same, pictures as they are to be kept. `model` is that which is to answer; None is the current one.

        Raises AttachmentRefused, and PictureUnseen where nothing of what came would reach that model."""
        # What came from a face says of itself only what it is called.
        plain = [replace(one, media="", text="") for one in arrived]
        pictures = [one for one in plain if is_meant_as_picture(one.name, one.data)]
        if not pictures:
            return plain
        read = iter(self._reader.read([(one.name, one.data) for one in pictures]))
        found, unread = list[NewAttachment](), list[str]()
        for one in plain:
            if not is_meant_as_picture(one.name, one.data):
                found.append(one)
                continue
            picture = next(read)
            unread.append(picture.unread)
            found.append(NewAttachment(one.name, picture.data, JPEG, picture.text))
        if all(unread) and len(pictures) == len(plain) and not self._sees(model):
            raise PictureUnseen(name=pictures[0].name, reason=unread[0])
        return found

    def _sees(self, model: str | None) -> bool:
        try:
            return self._models.chat_model(model).sees
        except AssistantError:
            return True  # that there is no such model is said where it is to answer
