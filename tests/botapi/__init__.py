"""A loopback Bot API server for tests: see docs/telegram-test-server.md for what it models and what it does not."""

from tests.botapi.clock import ManualClock
from tests.botapi.people import Press, Seat, User
from tests.botapi.server import TOKEN, BotApiServer, Call
from tests.botapi.world import Chat, Draft, Message

__all__ = [
    "TOKEN",
    "BotApiServer",
    "Call",
    "Chat",
    "Draft",
    "ManualClock",
    "Message",
    "Press",
    "Seat",
    "User",
]
