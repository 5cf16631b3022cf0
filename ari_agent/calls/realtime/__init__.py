"""Calls whose agent is a model that hears and speaks itself: its session, what was heard of it, its tools."""
