"""Pages for people, and `docs.generate`, which writes what the code already knows into them."""
