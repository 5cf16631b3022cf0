"""The pages of webhooks that were, or are to be, delivered."""
