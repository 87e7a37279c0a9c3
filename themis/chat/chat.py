"""Asks an endpoint, within a budget and with a cache, until the answer has the right form.

A prompt is sent once, even if two threads ask it at the same time. The reply is cached before it is parsed. So a build
that was killed reads what it paid for from the cache, and continues with the same results.

Knows nothing of agents or judges. Thread-safe: each thread waits for its own answer.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from math import ceil
from pathlib import Path
from typing import Any

from themis.chat.connection import TOO_LONG, Again, Connection, Rejected
from themis.chat.ledger import Ledger
from themis.chat.marks import without_marks
from themis.chat.prompt import Answered, BudgetSpent, ChatError, NoAnswer, Prompt, Reply, Said, body_of, key_of, message
from themis.chat.settings import FORMS, ChatSettings, Form
from themis.chat.spending import Estimate, Spending, estimate, prompt_tokens
from themis.chat.structured import NotOfTheForm, decoded
from themis.closing import Closing
from themis.errors import ConfigError

# Each retry is logged. Without a handler of the application, the log would go to the user's terminal.
logging.getLogger("stamina").addHandler(logging.NullHandler())

Check = Callable[[Any], str]
"""Says what is wrong with a value of the right form, for the model to read; empty if nothing is."""

TRUSTED_REJECTIONS = 5
"""The first requests to be rejected in a row before the settings count as wrong."""
_SHOWN = 4_000
"""Most characters of a wrong answer to repeat to the model when it is asked again."""


class Chat(Closing):
    """One endpoint, its cache and its budget. A context manager that closes both."""

    def __init__(self, settings: ChatSettings, cache: Path | str | None = None) -> None:
        """`cache` is the file for replies, unless the settings name one.

        Opens no connection. Raises `ConfigError` if the key is missing.
        """
        self.settings = settings
        self._connection = Connection(settings)
        self._ledger = Ledger(settings.cache or cache)
        self._purse = _Purse(self._ledger, settings)
        self._before = self._ledger.spent
        self._slots = threading.BoundedSemaphore(settings.concurrency)
        self._lock = threading.Lock()
        self._in_flight: dict[str, Future[Said]] = {}
        self._form: Form = settings.structured
        self._answered, self._rejected, self._cached = 0, 0, 0

    @property
    def spent(self) -> Spending:
        """Spent by all runs with this cache, which the budget limits."""
        return self._ledger.spent

    @property
    def spent_now(self) -> Spending:
        """Spent by this run."""
        return self._ledger.spent - self._before

    @property
    def from_cache(self) -> int:
        """Prompts of this run that were answered without a request."""
        return self._cached

    def total(self) -> str:
        """The running total in words."""
        return f"{self.spent.words(self.settings.prices)}; {self._cached:,} answers from the cache"

    def estimate(self, prompts: Iterable[Prompt], likely_output: int) -> Estimate:
        """The cost of prompts with answers of about `likely_output` tokens, if none is in the cache."""
        return estimate(prompts, self.settings, likely_output)

    def ask(self, prompt: Prompt, check: Check | None = None, repairs: int | None = None) -> Reply:
        """The answer to a prompt, or why it has no answer.

        If an answer does not fit the schema or fails the check, the model is asked again with the complaint. The
        settings or `repairs` say how often. Raises `ChatError` (such as `BudgetSpent`), `ConfigError` and `DataError`.
        """
        reply: Reply = NoAnswer("empty")
        for _ in range(1 + (self.settings.repairs if repairs is None else repairs)):
            try:
                said = self._said(prompt)
            except Rejected as error:
                return self._rejection(error)
            reply = _looked_into(said, prompt, check)
            if isinstance(reply, Answered) or reply.why not in ("malformed", "unfit"):
                return reply
            wrong = message("assistant", without_marks(said.text[:_SHOWN]))
            prompt = prompt.then(wrong, message("user", _complaint(reply.words)))
        return reply

    def close(self) -> None:
        """Closes connections and cache."""
        self._connection.close()
        self._ledger.close()

    def _said(self, prompt: Prompt) -> Said:
        """The reply from the cache, from an equal prompt in flight, or from the endpoint."""
        key = key_of(prompt, self.settings)
        with self._lock:
            kept = self._ledger.get(key)
            if kept is not None:
                self._cached += 1
                return kept
            theirs = self._in_flight.get(key)
            mine: Future[Said] = Future()
            if theirs is None:
                self._in_flight[key] = mine
        if theirs is not None:
            return theirs.result()
        try:
            said = self._in_some_form(prompt, key)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(said)
            return said
        finally:
            with self._lock:
                del self._in_flight[key]

    def _in_some_form(self, prompt: Prompt, key: str) -> Said:
        """If the server rejects the request, tries weaker ways to ask for JSON, and keeps the one that works."""
        first = self._form
        forms = FORMS[FORMS.index(first) :] if prompt.schema is not None else (first,)
        rejection: Rejected | None = None
        for form in forms:
            try:
                said = self._sent(prompt, form, key)
            except Rejected as error:
                if error.code == "content_filter":
                    raise
                rejection = rejection or error
                continue
            if form != first:
                self._form = form
            self._answered += 1
            return said
        assert rejection is not None
        raise rejection

    def _sent(self, prompt: Prompt, form: Form, key: str) -> Said:
        """The reply of the endpoint, after as many attempts as it takes."""
        import stamina

        settings = self.settings
        body, read = body_of(prompt, settings, form), prompt_tokens(prompt, settings)
        most = body[settings.max_tokens_name]
        try:
            for tried in stamina.retry_context(
                on=Again,
                attempts=settings.attempts,
                timeout=None,
                wait_initial=settings.backoff,
                wait_jitter=settings.backoff / 4,
                wait_max=30.0,
            ):
                with tried:
                    return self._attempt(body, key, read, most)
        except Again as error:
            raise ChatError(
                f"{error}, {settings.attempts} times in a row; its replies so far are cached: run the same command again when it is up"
            ) from error
        raise AssertionError("a retry context ends with an answer or an error")

    def _attempt(self, body: dict[str, Any], key: str, expected: int, most: int) -> Said:
        settings, prices = self.settings, self.settings.prices
        with self._slots:
            reserved = self._purse.reserve(expected, most)
            try:
                said = self._connection.send(body, expected)
                money = prices.cost(said.input_tokens, said.cached_tokens, said.output_tokens)
                paid = Spending(1, said.input_tokens, said.output_tokens, money, int(said.estimated))
                self._ledger.put(key, said, settings.model, paid, expected)
                return said
            except Again as error:
                read = expected if error.began else 0
                paid = Spending(1, read, error.written, prices.cost(read, 0, error.written), int(error.began))
                self._ledger.pay(settings.model, paid)
                raise
            except (ChatError, ConfigError):
                self._ledger.pay(settings.model, Spending(1))
                raise
            finally:
                self._purse.settle(reserved)

    def _rejection(self, error: Rejected) -> NoAnswer:
        """A rejection means no answer to one prompt. If every request is rejected, the settings are wrong."""
        if error.code == "content_filter":
            return NoAnswer("content_filter", str(error))
        self._rejected += 1
        if not self._answered and self._rejected >= TRUSTED_REJECTIONS:
            raise ConfigError(f"{self.settings.host} rejects every request ({error}); check the endpoint's settings") from error
        return NoAnswer("rejected", str(error))


class _Purse:
    """Holds back requests that could exceed the budget while others, in flight, may cost less than reserved.

    If the budget is in tokens, the first request runs alone: only its reply shows how the server counts.
    """

    def __init__(self, ledger: Ledger, settings: ChatSettings) -> None:
        self._ledger, self._settings = ledger, settings
        self._reserved = Spending()
        self._changed = threading.Condition()

    def reserve(self, read: int, written: int) -> Spending:
        """Reserves the most that a request can cost. Raises `BudgetSpent` if less is left."""
        with self._changed:
            while True:
                budget, excess = self._settings.budget, self._ledger.excess
                likely = ceil(read * max(excess, 1.0))
                most = Spending(1, likely, written, self._settings.prices.cost(likely, 0, written))
                alone = not excess and (budget.money is not None or budget.tokens is not None)
                if not (alone and self._reserved.requests) and (self._ledger.spent + self._reserved + most).within(budget):
                    self._reserved += most
                    return most
                if not self._reserved.requests:
                    raise BudgetSpent(self._words())
                self._changed.wait()

    def settle(self, most: Spending) -> None:
        """Releases a reservation. By then the ledger holds the real cost."""
        with self._changed:
            self._reserved -= most
            self._changed.notify_all()

    def _words(self) -> str:
        budget, prices = self._settings.budget, self._settings.prices
        limits = [f"{budget.money:g} {prices.currency}"] if budget.money is not None else []
        limits += [f"{count:,} {name}" for name in ("tokens", "requests") if (count := getattr(budget, name)) is not None]
        where = f" in {self._ledger.path}" if self._ledger.path else ""
        return (
            f"the budget of the endpoint ({', '.join(limits)}) does not allow another request, after {self._ledger.spent.words(prices)}; "
            f"all answers are kept{where}: raise 'budget' in the recipe and run the same command again to resume"
        )


def _looked_into(said: Said, prompt: Prompt, check: Check | None) -> Reply:
    """The answer in a reply, or why it holds none."""
    if said.refusal:
        return NoAnswer("refusal", said.refusal)
    if said.finish == "content_filter":
        return NoAnswer("content_filter")
    if said.finish == TOO_LONG:
        return NoAnswer("cut_off", "the answer had more bytes than max_bytes allows")
    if not said.text.strip():
        return NoAnswer("cut_off" if said.finish == "length" else "empty")
    value: Any = said.text
    if prompt.schema is not None:
        try:
            value = decoded(said.text, prompt.schema)
        except NotOfTheForm as error:
            return NoAnswer("cut_off", str(error)) if said.finish == "length" else NoAnswer("malformed", str(error))
    if check is not None and (complaint := check(value)):
        return NoAnswer("unfit", complaint)
    return Answered(value, said.text)


def _complaint(words: str) -> str:
    """The words may quote untrusted text."""
    return without_marks(json.dumps({"problem": words, "request": "Answer again, in the form that was asked for."}, ensure_ascii=False))
