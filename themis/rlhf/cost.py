"""What a PPO run will need in memory: policy, reference and value model, counted without their weights.

Knows nothing of speed. The formulas are those of `themis.training.cost`.
"""

from themis.rlhf.recipe import RlhfRecipe
from themis.training.cost import H100_BYTES, shape_of, size_text
from themis.training.recipe import Backbone

Line = tuple[str, str]


def lines(recipe: RlhfRecipe) -> list[Line]:
    """The lines that `themis rlhf ppo RECIPE --dry-run` prints."""
    model, ppo = recipe.policy, recipe.ppo
    shape = shape_of("vanilla", Backbone(name=model.name, config=model.config, dtype=model.dtype, lora=model.lora))
    width = 2 if model.dtype == "bfloat16" else 4
    frozen = shape.parameters - shape.trained
    # With adapters the three models share the frozen weights; else each has its own, and the reference learns nothing.
    weights = width * frozen + 2 * 4 * shape.trained + (0 if model.lora else 4 * shape.parameters)
    optimizer, gradients = 2 * 8 * shape.trained, 2 * 4 * shape.trained
    tokens = ppo.answers_at_once * (ppo.new_tokens + 128)
    activations = 2 * tokens * 2 * (7 * shape.hidden + 3 * shape.feed_forward) * shape.layers
    logits = 3 * 4 * ppo.answers_at_once * ppo.new_tokens * shape.vocabulary
    memory = weights + optimizer + gradients + activations + logits
    too_large = "more than one H100 has, and this loop shards no weights: give policy.lora, or fewer ppo.answers_at_once"
    fits = "fits one H100" if memory <= 0.9 * H100_BYTES else too_large
    return [
        ("parameters", f"{shape.parameters:,}"),
        ("trained", f"{shape.trained:,} of the policy, as many of the value model"),
        ("weights", f"{size_text(weights)}, policy, reference and value model"),
        ("optimizers", size_text(optimizer + gradients) + ", with the gradients"),
        ("activations", f"{size_text(activations + logits)} for {ppo.answers_at_once} answers at once"),
        ("memory", f"{size_text(memory)}: {fits}"),
        ("a step", f"{ppo.prompts_per_step} answers of at most {ppo.new_tokens} tokens, read {ppo.epochs} times"),
    ]
