"""The Telegram face: the same assistant and the same conversations, for people who were let in."""
