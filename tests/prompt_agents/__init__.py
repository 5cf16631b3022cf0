"""Tests of ari_agent/prompt_agents."""
