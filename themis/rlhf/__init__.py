"""Reinforcement learning against a judge: supervised start, PPO, and what became of the policy."""
