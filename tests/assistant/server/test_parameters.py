"""Numbers that no database knows, and errors that are the caller's: a request is refused, and nothing breaks."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from assistant.errors import AssistantError, PromptInvalid, PromptVariables
from assistant.paths import Paths
from assistant.server.errors import status_of
from tests.assistant.server.conftest import asking
from tests.fakes.chat_model import ScriptedChatModel

HUGE = 10**20
ASKED: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("GET", "/api/conversations?limit={n}", None),
    ("GET", "/api/search?query=a&limit={n}", None),
    ("GET", "/api/memory/search?query=a&limit={n}", None),
    ("GET", "/api/documents?limit={n}", None),
    ("GET", "/api/documents?offset={n}", None),
    ("GET", "/api/learning/log?count={n}", None),
    ("GET", "/api/graph/entities/{n}", None),
    ("GET", "/api/graph/entities/{n}/passages", None),
    ("GET", "/api/turns/a/citations/{n}", None),
    ("POST", "/api/documents/judgements", {"question": "a", "chunk_id": 0, "right": True}),
    ("POST", "/api/documents/search", {"question": "a", "limit": 0}),
    ("POST", "/api/memory/judge", {"turn_id": "a", "utterance_id": 0, "right": True}),
)


@pytest.mark.parametrize("number", [HUGE, -HUGE])
async def test_a_number_that_no_database_knows_is_refused_and_breaks_nothing(
    paths: Paths, model: ScriptedChatModel, number: int
) -> None:
    async with asking(paths, model) as client:
        for method, path, body in ASKED:
            sent = body and {key: number if value == 0 and value is not False else value for key, value in body.items()}
            answer: httpx.Response = await client.request(method, path.format(n=number), json=sent)
            assert answer.status_code in {400, 422}, (path, answer.status_code, answer.text)


@pytest.mark.parametrize(
    ("error", "status"),
    [(PromptInvalid("chat.en", "it was made for another text"), 409), (PromptVariables("chat.en", (), ("x",)), 400)],
)
def test_a_prompt_that_does_not_fit_is_the_callers_to_mend(error: AssistantError, status: int) -> None:
    assert status_of(error) == status
