"""The prompting room: prompts as versioned data, rendered strictly. `prompts/` holds the data."""
