"""The objects of the API and of the webhooks, one model a file; parsing/ holds the tools that read them. Pure."""
