"""PPO beside the last TRL that had a `PPOTrainer`: tokens a second, and whether both learn alike. See `__main__`."""
