"""A person's own documents: read, cut into passages, and found again by words and by meaning."""
