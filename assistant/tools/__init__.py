"""What an answer may do besides being words: tools with a permission each, and what runs them."""
