"""PPO: from answers and their rewards to a better policy, and a value model beside it."""
