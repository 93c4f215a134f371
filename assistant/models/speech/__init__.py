"""Spoken words as text, on this machine: which models there are, how they come here, and what was said."""
