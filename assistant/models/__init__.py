"""The models room: every model, local or remote, behind langchain-core types. The GPU lives here only."""
