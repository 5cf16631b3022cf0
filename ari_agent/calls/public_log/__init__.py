"""The public log of each call: what is in it, how it is written, and what never is."""
