"""Whether answers from documents are borne out by what they cite."""
