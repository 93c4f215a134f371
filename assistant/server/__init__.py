"""The REST face: the OpenAI protocol for any client, a native API for our own, health and metrics."""
