from __future__ import annotations

import logging
from pathlib import Path

import pytest

from assistant.log import configure, redact


@pytest.mark.parametrize(
    "secret",
    [
        "https://127.0.0.1/bot123456789:AAE-abcdefghijklmnopqrstuvwxyz012345/getMe",
        "Authorization: Bearer sk-abcdefghijklmnop",
        "api_key='sk-abcdefghijklmnop'",
        '{"token": "sk-abcdefghijklmnop"}',
    ],
)
def test_secrets_do_not_reach_the_log(secret: str) -> None:
    assert "abcdefghijklmnop" not in redact(secret)


def test_an_exception_that_quotes_a_token_is_redacted_in_the_file(tmp_path: Path) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        configure(tmp_path)
        error = RuntimeError("GET /bot123456789:AAE-abcdefghijklmnopqrstuvwxyz012345/getFile")
        logging.getLogger("patina.test").error("failed", exc_info=error)
        text = (tmp_path / "patina.log").read_text("utf-8")
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = before
        root.setLevel(level)
    assert "RuntimeError" in text
    assert "AAE-abc" not in text
