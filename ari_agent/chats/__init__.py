"""Conversations in text: a user's messages on one side, a text agent on the other."""
