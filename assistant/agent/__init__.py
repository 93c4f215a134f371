"""The agent room: how one turn is answered."""
