"""The Telegram bot under faults, and beside other ways of showing an answer while it is written."""
