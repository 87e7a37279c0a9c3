"""Client for OpenAI-compatible endpoints: prompts, replies, and what they cost."""

from themis.chat.chat import Chat
from themis.chat.marks import fenced, without_marks
from themis.chat.prompt import Answered, BudgetSpent, ChatError, NoAnswer, Prompt, Reply
from themis.chat.settings import Budget, ChatSettings, Prices
from themis.chat.spending import Estimate, Spending, tokens_of

__all__ = [
    "Answered",
    "Budget",
    "BudgetSpent",
    "Chat",
    "ChatError",
    "ChatSettings",
    "Estimate",
    "NoAnswer",
    "Prices",
    "Prompt",
    "Reply",
    "Spending",
    "fenced",
    "tokens_of",
    "without_marks",
]
