"""The pages of agents, and the one that talks to them."""
