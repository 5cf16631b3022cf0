"""The pages of phone numbers, and "what if I dialled"."""
