"""The page Now: calls in progress, what may be done to them, and how the product is."""
