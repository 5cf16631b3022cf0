"""The page of one call, and the link that shares it."""
