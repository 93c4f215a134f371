"""The memory room: what was said, kept in SQLite, found again. SQL and Chroma live here only."""
