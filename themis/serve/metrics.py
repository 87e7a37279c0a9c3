"""What the server counts, for Prometheus. Nothing of a case is in it."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from themis.traces import Verdict

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 180)
"""Upper ends of the buckets of a judgement's seconds: vanilla takes milliseconds, slow tools take minutes."""


class Metrics:
    """The counters of one server."""

    def __init__(self, waiting: Callable[[], int], in_flight: Callable[[], int]) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter("themis_requests", "Requests that were answered.", ["route", "code"], registry=registry)
        self.verdicts = Counter("themis_verdicts", "Verdicts that were given.", ["status", "reason"], registry=registry)
        self.tool_calls = Counter("themis_tool_calls", "Tool calls of these verdicts.", ["status"], registry=registry)
        self.seconds = Histogram("themis_judgement_seconds", "Seconds of a judgement.", buckets=SECONDS, registry=registry)
        self.replaced = Counter("themis_missing_rewards_replaced", "Rewards that --missing stood in for.", registry=registry)
        for name, help_text, count in (
            ("themis_waiting_cases", "Cases that the judge has not taken up yet.", waiting),
            ("themis_rows_in_flight", "Cases that are being judged.", in_flight),
        ):
            Gauge(name, help_text, registry=registry).set_function(count)

    def count(self, verdict: Verdict) -> None:
        """Count a verdict, and what its judgement cost."""
        self.verdicts.labels(verdict.status, verdict.reason or "").inc()
        self.seconds.observe(verdict.usage.seconds)
        for step in verdict.trace.steps:
            if step.observation is not None:
                self.tool_calls.labels(step.observation.status).inc()

    def text(self) -> bytes:
        """In Prometheus's text form."""
        return generate_latest(self._registry)
