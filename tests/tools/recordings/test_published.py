"""Published calls as recordings: in the same words, in other words, and never for another case."""

from themis.tools.base import AnyTool, tool
from themis.tools.recordings.published import record_published
from themis.tools.recordings.replay_check import PublishedCall
from themis.tools.recordings.store import Call, ObservationStore, Recorder, case_digest
from themis.tools.toolbox import Toolbox
from themis.traces import Action, Case, Observation


@tool(name="search")
def search(query: str) -> str:
    """Looks something up."""
    raise AssertionError("nothing is looked up here")


def never() -> Observation:
    raise AssertionError("nothing is called here")


def published(name: str, case: Case, argument: str) -> PublishedCall:
    return PublishedCall("webgpt", "dev", "chosen", case, Action(name, argument), f"what {argument} gave")


def test_published_calls_answer_in_the_same_words_and_for_their_case_in_others() -> None:
    lima, rome = Case("Where is Lima?", "In Peru"), Case("Where is Rome?", "In Italy")
    calls = [published("search", lima, "Lima"), published("search", rome, "Rome"), published("unknown", lima, "x")]
    tools: list[AnyTool] = [search]
    with ObservationStore(":memory:") as store, Toolbox(tools) as toolbox:
        assert record_published(calls, toolbox, store) == 2
        recorder = Recorder("replay", store, fuzzy_replay=True)
        same = recorder.observe(Call("search", '{"query": "Lima"}'), never, case_digest(rome))
        other = recorder.observe(Call("search", '{"query": "Lima, Peru"}'), never, case_digest(rome))
    assert (same.text, same.origin) == ("what Lima gave", "")
    assert (other.text, other.origin) == ("what Rome gave", "replayed_near")
