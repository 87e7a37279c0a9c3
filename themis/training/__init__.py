"""Training a reward model: `train(recipe, out)` on `transformers.Trainer` with the loss of the paper."""
