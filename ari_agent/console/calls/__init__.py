"""The list of calls, and how one is found."""
