"""Agents that answer by a prompt: what their model is asked, what it may do, and what becomes of its answers."""
