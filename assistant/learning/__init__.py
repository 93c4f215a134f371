"""The learning room: what people did becomes evidence, evidence becomes tested prompts."""
