"""How well passages of documents are found, beside the usual ways on the same documents and questions."""
