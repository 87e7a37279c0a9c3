"""Models on the Hugging Face Hub: pushed with a card of their own figures, and loaded from there."""

from themis.integrations.hub.pull import from_pretrained
from themis.integrations.hub.push import prepare_push, push_to_hub

__all__ = ["from_pretrained", "prepare_push", "push_to_hub"]
