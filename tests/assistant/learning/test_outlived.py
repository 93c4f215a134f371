from __future__ import annotations

import pytest

from assistant.errors import EngineBusy, EngineDied
from assistant.learning.outlived import outlived


class Work:
    """Fails with each of these errors, then is done."""

    def __init__(self, *errors: Exception) -> None:
        self.begun = 0
        self._errors = list(errors)

    async def __call__(self) -> str:
        self.begun += 1
        if self._errors:
            raise self._errors.pop(0)
        return "done"


async def test_two_deaths_are_outlived() -> None:
    work = Work(EngineDied(-6), EngineDied(-9))
    assert await outlived(work) == "done"
    assert work.begun == 3


async def test_a_model_under_which_a_third_process_dies_is_told() -> None:
    work = Work(*(EngineDied(code) for code in (-6, -9, -11)))
    with pytest.raises(EngineDied) as told:
        await outlived(work)
    assert told.value.exit_code == -11


async def test_nothing_else_is_tried_again() -> None:
    work = Work(EngineBusy(1, 1, 1))
    with pytest.raises(EngineBusy):
        await outlived(work)
    assert work.begun == 1
