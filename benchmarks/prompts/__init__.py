"""How good the prompts are that a budget of calls buys, beside DSPy's optimisers on the same model and items."""
