"""The terminal face: `patina`, one module a group of commands.

What is heavy (the core, the page, the bot) is imported inside the command that needs it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.cli.terminal import Terminal
from assistant.errors import AssistantError, InternalFault
from assistant.i18n import explain

if TYPE_CHECKING:
    from typer.core import TyperGroup

_log = logging.getLogger(__name__)


def application(terminal: Terminal) -> TyperGroup:
    """Every command, described in the terminal's language."""
    from assistant.cli.commands import build

    return build(terminal)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave: 0 when it worked, 1 with one line on stderr when not, 2 for a wrong command line."""
    # numpy's own threads and those of the model wait for each other's processor, which makes both many times slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    terminal = Terminal.open()
    try:
        application(terminal).main(args=arguments, prog_name="patina", obj=terminal)
    except AssistantError as error:
        terminal.note(explain(error, terminal.language))
        sys.exit(1)
    except Exception as error:
        _log.exception("patina %s", " ".join(arguments or sys.argv[1:2]))
        terminal.note(explain(InternalFault(reason=f"{type(error).__name__}: {error}"), terminal.language))
        sys.exit(1)
