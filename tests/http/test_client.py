"""The HTTP client of the tools, against a service on loopback."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.tools.fake_service import AWAY, BIG, BROKEN, BUSY, ELSEWHERE, FAILURES, FakeService, NotedClient, Said, quick, seconds
from themis import __version__
from themis.errors import ConfigError, ToolError, ToolTimeout, ToolUnavailable
from themis.http.client import REST, TRUSTED_FAILURES, Service
from themis.tools.base import tool
from themis.tools.setup.options import key_option
from themis.tools.setup.services import service_of
from themis.tools.toolbox import Toolbox
from themis.traces import Action

FINE = Said({"fine": True})
KEY = "sesame-123"


@pytest.fixture
def client() -> Iterator[NotedClient]:
    with NotedClient() as client:
        yield client


def asking(fake: FakeService, client: NotedClient, **options: Any) -> Service:
    return service_of(
        "the oracle", quick(fake, **options), client, headers={"X-Key": KEY}, secrets=(KEY,), refusal="mend the option 'key' of the oracle"
    )


def test_json_comes_back_and_our_name_goes_out(client: NotedClient) -> None:
    with FakeService(FINE) as fake:
        service = asking(fake, client, contact="me@example.org")
        assert service.get("/ask", {"q": "a b&c"}) == {"fine": True}
        assert service.post("/tell", {"q": "é"}) == {"fine": True}
    first, second = fake.asked
    assert (first.method, first.path, first.params) == ("GET", "/ask", {"q": "a b&c"})
    assert first.headers["user-agent"] == f"themis-rm/{__version__} (me@example.org)"
    assert (first.headers["x-key"], second.method, second.body) == (KEY, "POST", {"q": "é"})


@pytest.mark.parametrize(("said", "options", "kind", "words"), list(FAILURES.values())[:4], ids=list(FAILURES)[:4])
def test_each_failure_of_the_world_has_its_kind_and_words(
    client: NotedClient, said: Said, options: dict[str, Any], kind: type[ToolError], words: str
) -> None:
    with FakeService(said) as fake, pytest.raises(kind, match=words):
        asking(fake, client, **options).get("/", {})


@pytest.mark.parametrize("busy", [BUSY, BROKEN], ids=["429", "500"])
def test_what_is_busy_is_asked_again(client: NotedClient, busy: Said) -> None:
    with FakeService(busy, FINE) as fake:
        assert asking(fake, client).get("/", {}) == {"fine": True}
        assert len(fake.asked) == 2


def test_nothing_is_asked_more_often_than_it_may_be(client: NotedClient) -> None:
    with FakeService(BROKEN) as fake, pytest.raises(ToolUnavailable):
        asking(fake, client, attempts=2).get("/", {})
    assert len(fake.asked) == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(client: NotedClient, form: str) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=2)) if form == "date" else "1"
    with FakeService(Said({}, 503, {"Retry-After": later}), FINE) as fake:
        assert seconds(lambda: asking(fake, client).get("/", {})) >= (0.9 if form == "seconds" else 0.5)


def test_a_rest_longer_than_the_deadline_is_kept_and_nobody_waits_for_it(client: NotedClient) -> None:
    with FakeService(Said({}, 429, {"Retry-After": "120"}), FINE) as fake:
        with pytest.raises(ToolUnavailable, match="HTTP 429"):
            asking(fake, client).get("/", {})
        with pytest.raises(ToolUnavailable, match=r"not asked for another 1[12][0-9] seconds"):
            asking(fake, client).get("/", {})
        assert len(fake.asked) == 1


def test_a_host_that_fails_time_and_again_is_left_alone_and_then_tried_once(client: NotedClient) -> None:
    with FakeService(*[BROKEN] * TRUSTED_FAILURES, FINE) as fake:
        service = asking(fake, client, attempts=1)
        for _ in range(TRUSTED_FAILURES):
            with pytest.raises(ToolUnavailable, match="HTTP 500"):
                service.get("/", {})
        with pytest.raises(ToolUnavailable, match=f"not asked for another {REST:.0f} seconds"):
            service.get("/", {})
        assert len(fake.asked) == TRUSTED_FAILURES
        client.later = REST
        assert service.get("/", {}) == {"fine": True}
        assert service.get("/", {}) == {"fine": True}


def test_a_trickle_of_bytes_does_not_stretch_the_deadline(client: NotedClient) -> None:
    def ask() -> None:
        with pytest.raises(ToolTimeout):
            asking(fake, client, deadline=0.5).get("/", {})

    with FakeService(Said({"fine": "x" * 500}, trickle=0.1)) as fake:
        assert seconds(ask) < 5


def test_a_service_that_is_not_there_is_unavailable(client: NotedClient) -> None:
    with FakeService(FINE) as fake:
        gone = asking(fake, client)
    with pytest.raises(ToolUnavailable, match=r"the oracle cannot be reached \(ConnectError\)"):
        gone.get("/", {})


def test_a_long_answer_is_refused_before_it_is_read(client: NotedClient) -> None:
    declared = Said(BIG.body, headers={"Content-Length": str(len(BIG.body))})
    endless = Said(b"x" * 40_000_000)
    for said in (declared, endless):
        with FakeService(said) as fake, pytest.raises(ToolUnavailable, match="more than 2,000,000 bytes, which were not read"):
            asking(fake, client).get("/", {})
        assert fake.sent < 30_000_000


def test_a_small_answer_that_unpacks_to_a_large_one_is_refused(client: NotedClient) -> None:
    with FakeService(Said(b"0" * 50_000_000, gzipped=True)) as fake, pytest.raises(ToolUnavailable, match="more than 2,000,000"):
        asking(fake, client).get("/", {})
    with FakeService(Said({"fine": "x" * 1000}, gzipped=True)) as fake:
        assert asking(fake, client).get("/", {}) == {"fine": "x" * 1000}


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_redirect_off_the_host_is_refused_before_any_connection_is_opened(client: NotedClient, method: str) -> None:
    with FakeService(AWAY) as fake, pytest.raises(ToolUnavailable, match=r"redirects to (another host, )?203\.0\.113\.7"):
        getattr(asking(fake, client), method)("/", {})
    assert client.noted.addresses == [f"{fake.url}/"]


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/", "file:///etc/passwd", "//203.0.113.7/", "http://[::1]/", "http://0x7f.1/"])
def test_no_redirect_leads_to_another_port_scheme_or_writing_of_a_host(client: NotedClient, target: str) -> None:
    with FakeService(Said(b"", 307, {"Location": target})) as fake, pytest.raises(ToolUnavailable, match="redirects to"):
        asking(fake, client).get("/", {})
    assert len(client.noted.addresses) == 1


def test_a_host_that_may_be_redirected_to_must_still_be_public(client: NotedClient) -> None:
    with FakeService(FINE) as other, FakeService(Said(b"", 302, {"Location": f"{other.url}/there"})) as fake:
        with pytest.raises(ToolUnavailable, match="which is private"):
            asking(fake, client, redirect_hosts=["127.0.0.1"]).get("/", {})
        assert other.asked == []
        assert asking(fake, client, redirect_hosts=["127.0.0.1"], private_addresses=True).get("/", {}) == {"fine": True}


def test_our_key_does_not_follow_a_redirect_to_another_host(client: NotedClient) -> None:
    with FakeService(FINE) as other, FakeService(Said(b"", 302, {"Location": f"{other.url}/there"})) as fake:
        service = asking(fake, client, redirect_hosts=["127.0.0.1"], private_addresses=True)
        assert service.get("/", {}) == {"fine": True}
    assert "x-key" not in other.asked[0].headers


def test_a_redirect_on_the_host_is_followed_but_not_in_a_circle(client: NotedClient) -> None:
    with FakeService(Said(b"", 301, {"Location": "/there?q=1"}), FINE) as fake:
        assert asking(fake, client).get("/here", {}) == {"fine": True}
        assert (fake.asked[1].path, fake.asked[1].params, fake.asked[1].headers["x-key"]) == ("/there", {"q": "1"}, KEY)
    with FakeService(Said(b"", 302, {"Location": "/"})) as fake, pytest.raises(ToolUnavailable, match="in a circle"):
        asking(fake, client).get("/", {})


def test_a_refused_argument_is_the_judge_s_a_refused_key_the_user_s(client: NotedClient) -> None:
    with FakeService(Said({"error": f"no such language; your key is {KEY}"}, 400)) as fake, pytest.raises(ToolError) as fault:
        asking(fake, client).get("/", {})
    assert str(fault.value) == "the oracle refused the argument (HTTP 400: no such language; your key is ***)"
    assert not isinstance(fault.value, ToolUnavailable)
    with (
        FakeService(Said({"error": {"message": "bad key"}}, 403)) as fake,
        pytest.raises(ConfigError, match=r"bad key.*mend the option 'key'"),
    ):
        asking(fake, client).get("/", {})
    with FakeService(Said({}, 404)) as fake, pytest.raises(ToolUnavailable, match=r"HTTP 404$"):
        asking(fake, client).get("/", {})


def test_calls_to_one_host_keep_its_rate(client: NotedClient) -> None:
    with FakeService(FINE) as fake:
        service = asking(fake, client, per_second=4)
        callers = [threading.Thread(target=service.get, args=("/", {})) for _ in range(8)]
        began = time.monotonic()
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        # Four at once, then one each quarter of a second.
        assert time.monotonic() - began >= 0.9
        assert len(fake.asked) == 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs the option 'url'"),
        ({"url": "ftp://example.org"}, "must be an address"),
        ({"url": "https://example.org/?key=1"}, "must be an address"),
        ({"url": "https://[::1"}, "must be an address"),
        ({"url": 3}, "'url' must be a text, not int"),
        ({"url": "http://a", "deadline": 0}, "'deadline' must be a number above 0"),
        ({"url": "http://a", "per_second": True}, "'per_second' must be a number above 0"),
        ({"url": "http://a", "redirect_hosts": 1}, "'redirect_hosts' must be a list of texts"),
        ({"url": "http://a", "private_addresses": "yes"}, "'private_addresses' must be true or false"),
        ({"url": "http://a", "contact": "a\r\nX: y"}, "printable ASCII"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_asked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        service_of("the oracle", options)


def test_a_key_is_shown_nowhere(client: NotedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeService(FINE) as fake:
        assert KEY not in repr(asking(fake, client))
    with pytest.raises(ConfigError) as wrong:
        service_of("the oracle", {"url": "http://a"}, headers={"X-Key": f"{KEY}\n"})
    assert KEY not in str(wrong.value)
    monkeypatch.setenv("ORACLE_KEY", f" {KEY}\n")
    assert key_option({}, "ORACLE_KEY") == KEY
    assert key_option({"key": "mine"}, "ORACLE_KEY") == "mine"


def test_a_toolbox_makes_each_failure_an_observation_with_its_status(client: NotedClient) -> None:
    answers = {"fine": FINE, "broken": BROKEN, "slow": Said({}, hang=20), "wrong": Said({"error": "no"}, 400)}
    with FakeService(lambda asked: answers[asked.params["q"]]) as fake:
        service = asking(fake, client, deadline=1.0)

        @tool(name="ask")
        def ask(q: str) -> str:
            """Asks the oracle."""
            return str(service.get("/", {"q": q}))

        with Toolbox([ask]) as toolbox:
            seen = {word: toolbox.call(Action("ask", word)) for word in answers}
    assert {word: observation.status for word, observation in seen.items()} == {
        "fine": "ok",
        "broken": "unavailable",
        "slow": "timeout",
        "wrong": "error",
    }


def test_what_the_transport_notes_it_refuses_to_reach(client: NotedClient) -> None:
    with pytest.raises(AssertionError, match="a test tried to reach"):
        service_of("elsewhere", {"url": ELSEWHERE}, client).get("/", {})
