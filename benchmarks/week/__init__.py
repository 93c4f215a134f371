"""A week of use in fast motion, at the real page and the real bot."""
