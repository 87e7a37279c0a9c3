"""What was spent, what a request may cost, and whether both are within the budget.

Tokens counted by the server are exact, and so is their price. Before a request, or if the server does not count,
tokens are estimated from the length of the text.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from decimal import Decimal
from math import ceil

from themis.chat.prompt import Prompt, body_of
from themis.chat.settings import Budget, ChatSettings, Prices

_ASCII_PER_TOKEN = 4
_AROUND_MESSAGE = 4
"""Tokens that a chat template puts around each message."""


def tokens_of(text: str) -> int:
    """The estimated tokens of a text: one for four ASCII characters, one for each other character."""
    plain = len(text.encode("ascii", "ignore"))
    return ceil(plain / _ASCII_PER_TOKEN) + len(text) - plain


def prompt_tokens(prompt: Prompt, settings: ChatSettings) -> int:
    """The estimated tokens of a request, with its schema, which most servers show to the model."""
    messages = body_of(prompt, settings, "text")["messages"]
    return sum(tokens_of(turn["content"]) + _AROUND_MESSAGE for turn in messages)


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent, or will be."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: Decimal = Decimal(0)
    estimated: int = 0
    """Requests whose tokens the server did not count."""

    def __add__(self, other: "Spending") -> "Spending":
        return Spending(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Spending") -> "Spending":
        return self + other.times(-1)

    def times(self, count: int) -> "Spending":
        """Of `count` equal requests."""
        return Spending(*(part * count for part in astuple(self)))

    def within(self, budget: Budget) -> bool:
        """Whether no limit is exceeded."""
        return (
            (budget.requests is None or self.requests <= budget.requests)
            and (budget.tokens is None or self.input_tokens + self.output_tokens <= budget.tokens)
            and (budget.money is None or self.money <= Decimal(str(budget.money)))
        )

    def words(self, prices: Prices) -> str:
        """A text for progress bars and messages."""
        said = f"{self.requests:,} requests, {self.input_tokens:,} tokens read and {self.output_tokens:,} written"
        if prices.input or prices.output:
            said += f", {money_words(self.money)} {prices.currency}"
        return said + (f" ({self.estimated:,} requests not counted by the server, but estimated)" if self.estimated else "")


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost of prompts, estimated before any is sent."""

    likely: Spending = Spending()
    most: Spending = Spending()
    """If every answer is as long as allowed. Repairs and retries come on top."""

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.likely + other.likely, self.most + other.most)

    def times(self, count: int) -> "Estimate":
        """The estimate for `count` equal requests."""
        return Estimate(self.likely.times(count), self.most.times(count))

    def words(self, settings: ChatSettings) -> str:
        """One line to print before a build starts."""
        likely, most, prices = self.likely, self.most, settings.prices
        said = f"about {likely.requests:,} requests to {settings.model}: {likely.input_tokens:,} tokens to read and"
        said += f" {likely.output_tokens:,} to write ({most.output_tokens:,} at most)"
        if prices.input or prices.output:
            said += f"; {money_words(likely.money)} {prices.currency} ({money_words(most.money)} at most)"
        return said


def estimate(prompts: Iterable[Prompt], settings: ChatSettings, likely_output: int) -> Estimate:
    """The estimate for prompts with answers of about `likely_output` tokens."""
    total = Estimate()
    for prompt in prompts:
        read = prompt_tokens(prompt, settings)
        most = prompt.max_tokens or settings.max_tokens
        likely, worst = (Spending(1, read, written, settings.prices.cost(read, 0, written)) for written in (min(likely_output, most), most))
        total += Estimate(likely, worst)
    return total


def money_words(amount: Decimal) -> str:
    """An amount as text; below a hundredth, with as many digits as it needs."""
    return f"{amount:,.2f}" if amount >= Decimal("0.01") or not amount else f"{amount.normalize():f}"
