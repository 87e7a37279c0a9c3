"""Runs in epochs: every pair once an epoch, from any file, with any model, killed or not, in one process or two."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fakes import byte_tokenizer, tiny_bert, tiny_model
from tests.training.recipes import changed
from themis.curriculum.registry import Curriculum
from themis.data.mixture import Mixture
from themis.errors import ConfigError, DataError, ModelError
from themis.hyperparameters import Lora, LossWeights
from themis.inference import load_judge
from themis.model.checkpoint import ModelMeta, load_model, save_model
from themis.traces import Case, Pair, Side
from themis.traces.segments import SegmentWriter, token_ids
from themis.training.batches.encode import PairEncoder
from themis.training.collators import CausalCollator
from themis.training.epochs import EpochSteps, Share
from themis.training.recipe import Backbone, Data, Logging, Run, TrainRecipe
from themis.training.run import train

TOKENIZER = byte_tokenizer()
PAIRS = [{"prompt": f"What is {i} + {i}?", "chosen": f"It is {2 * i}.", "rejected": f"It is {2 * i + 1}."} for i in range(24)]


def silent(text: str) -> None:
    """Takes notices."""


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    return str(path)


@pytest.fixture
def base(tmp_path: Path) -> str:
    save_model(tmp_path / "base", tiny_model("llama", TOKENIZER, context_length=256), TOKENIZER, ModelMeta())
    return str(tmp_path / "base")


def recipe(base: str, *files: str, **changes: Any) -> TrainRecipe:
    settings = TrainRecipe(
        kind="vanilla",
        run=Run(seed=1, tokens_per_step=256, lengths=(256,), learning_rate=1e-3, epochs=2, pairs_per_step=8, bf16=False),
        model=Backbone(name=base),
        data=Data(files=files),
        loss=LossWeights(alpha=0.0),
        logging=Logging(measure_every=2, measured_pairs=4, live_sample=0),
    )
    return changed(settings, **changes)


def _losses(out: Path) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in json.loads((out / "log.json").read_text()) if "loss" in line}


def test_a_run_on_a_file_learns_it_and_draws_its_curves(pairs: str, base: str, tmp_path: Path) -> None:
    out = train(recipe(base, pairs, epochs=6, learning_rate=3e-3), tmp_path / "run", notice=silent)
    losses = _losses(out)
    assert losses[max(losses)] < losses[min(losses)]
    logged = json.loads((out / "log.json").read_text())[0]
    assert {"ranking", "accuracy", "margin", "chosen", "rejected"} <= logged.keys()
    assert (out / "log.png").stat().st_size > 5_000
    assert load_model(out)[2].kind == "vanilla"


def _epochs(pairs_per_step: int, share: Share | None = None, longest: int = 200) -> EpochSteps:
    collator = CausalCollator(PairEncoder(SegmentWriter(TOKENIZER), vanilla=True), int(TOKENIZER.pad_token_id))
    drawn = [Pair(str(i), f"question {i}", Side("a", 1.0), Side("b" * (1 + 10 * i), 0.0)) for i in range(10)]
    rows = [lambda rng, pair=pair: pair for pair in drawn]
    plain = Mixture({}, {}, 0.0, 0.0)
    run = Run(seed=1, epochs=2, pairs_per_step=pairs_per_step, tokens_per_step=300, lengths=(longest,), learning_rate=1e-3)
    return EpochSteps(collator, rows, plain, run, share)


def _questions(steps: EpochSteps, which: range) -> list[str]:
    texts = [str(TOKENIZER.decode(batch.layout.token_ids_1N[0])) for step in which for batch in steps[step]]
    return sorted(part.split("\n")[0] for text in texts for part in text.split("Question: ")[1:])


def test_every_pair_is_read_once_an_epoch_in_another_order() -> None:
    steps = _epochs(4)
    assert len(steps) == 6
    assert _questions(steps, range(3)) == _questions(steps, range(3, 6)) == sorted(f"question {i}" for i in range(10))
    assert _questions(steps, range(1)) != _questions(steps, range(5, 6))


def test_two_processes_share_a_step_and_count_what_one_would() -> None:
    alone, first, second = _epochs(4), _epochs(4, Share(0, 2)), _epochs(4, Share(1, 2))
    for step in range(6):
        mine, others = first[step], second[step]
        assert len(mine) == len(others)
        totals = alone[step][0].totals
        assert totals is not None
        counted = [batch for batch in (*mine, *others) if batch.scale > 0]
        assert sum(len(batch.layout.reward_place_SK) // 2 for batch in counted) == totals.pairs
        assert all(batch.totals == totals for batch in (*mine, *others))


def test_pairs_that_are_too_long_are_counted_and_never_cut() -> None:
    steps = _epochs(4, longest=120)
    assert steps.left_out["row: longer than 120 tokens"] > 0
    assert steps.pairs + steps.left_out["row: longer than 120 tokens"] == 10
    with pytest.raises(DataError, match="no pair has at most 20 tokens"):
        _epochs(4, longest=20)


def test_lora_saves_adapters_head_and_configuration_and_loads_merged(pairs: str, base: str, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    out = train(recipe(base, pairs, lora=Lora()), tmp_path / "run", notice=silent)
    assert (out / "adapter_model.safetensors").is_file()
    assert not (out / "model.safetensors").exists()
    settings = json.loads((out / "adapter_config.json").read_text())
    assert (settings["r"], settings["lora_alpha"], settings["lora_dropout"]) == (8, 16, 0.05)
    assert sorted(settings["target_modules"]) == ["q_proj", "v_proj"]
    merged, tokenizer, _ = load_model(out)
    before, _, _ = load_model(base)
    ids = torch.tensor([token_ids([*SegmentWriter(tokenizer).prompt(Case("q", "a"))])])
    by_peft = peft.PeftModel.from_pretrained(before.lm, out).eval()
    with torch.no_grad():
        assert torch.allclose(merged.lm(ids).logits, by_peft(ids).logits, atol=1e-4)
        by_peft.unload()
    base_model, _, _ = load_model(base)
    assert not torch.equal(base_model.lm.model.layers[0].self_attn.q_proj.weight, merged.lm.model.layers[0].self_attn.q_proj.weight)
    assert torch.equal(base_model.lm.model.layers[0].self_attn.k_proj.weight, merged.lm.model.layers[0].self_attn.k_proj.weight)
    assert not torch.equal(base_model.score.weight, merged.score.weight)
    assert {name for name, _ in merged.named_parameters()} == {name for name, _ in base_model.named_parameters()}


def test_a_run_on_adapters_of_its_own_shape_trains_them_on(pairs: str, base: str, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    first = train(recipe(base, pairs, lora=Lora(dropout=0.0)), tmp_path / "first", notice=silent)
    second = train(recipe(str(first), pairs, lora=Lora(dropout=0.0), learning_rate=1e-9), tmp_path / "second", notice=silent)
    settings = json.loads((second / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == json.loads((first / "adapter_config.json").read_text())["base_model_name_or_path"]
    (before, _, _), (after, _, _) = load_model(first), load_model(second)
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(before.parameters(), after.parameters(), strict=True))
    wider = train(recipe(str(first), pairs, lora=Lora(r=4, dropout=0.0)), tmp_path / "wider", notice=silent)
    assert json.loads((wider / "adapter_config.json").read_text())["base_model_name_or_path"] == str(first.resolve())


def test_lora_trains_and_saves_the_embeddings_where_tokens_were_added(pairs: str, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    from tests.fakes import random_backbone, tiny_config

    plain = byte_tokenizer()
    bare = type(plain)(tokenizer_object=plain.backend_tokenizer, pad_token="<pad>", eos_token="<eos>")
    vocabulary = [token for token in plain.get_vocab() if not token.startswith("<|")]
    torch.manual_seed(0)
    folder = tmp_path / "plain"
    _tokenizer_without_ours(bare, vocabulary).save_pretrained(folder)
    random_backbone(tiny_config("llama", len(vocabulary), 256)).save_pretrained(folder)
    out = train(recipe(str(folder), pairs, lora=Lora()), tmp_path / "run", notice=silent)
    from safetensors.torch import load_file

    assert any("embed_tokens" in name for name in load_file(out / "adapter_model.safetensors"))
    model, tokenizer, _ = load_model(out)
    embeddings = model.lm.get_input_embeddings()
    assert isinstance(embeddings, torch.nn.Embedding)
    assert embeddings.weight.shape[0] == len(tokenizer) == len(vocabulary) + 4


def _tokenizer_without_ours(like: Any, vocabulary: list[str]) -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import BPE

    backend = Tokenizer(BPE(vocab={token: place for place, token in enumerate(vocabulary)}, merges=[]))
    backend.pre_tokenizer, backend.decoder = like.backend_tokenizer.pre_tokenizer, like.backend_tokenizer.decoder
    return type(like)(tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>")


@pytest.fixture
def encoder(tmp_path: Path) -> str:
    return tiny_bert(tmp_path / "bert")


def test_an_encoder_is_trained_and_scores_cases(encoder: str, pairs: str, tmp_path: Path) -> None:
    settings = recipe(encoder, pairs, kind="encoder", lengths=(64,), epochs=3)
    out = train(settings, tmp_path / "run", notice=silent)
    judge = load_judge(out)
    cases = [Case("What is 2 + 2?", "It is 4."), Case("q", "long " * 100), Case("What is 2 + 2?", "[SEP] 5 [CLS]")]
    verdicts = dict(judge.judge_all(cases))
    assert isinstance(verdicts[0].reward, float)
    assert verdicts[1].reward is None
    assert verdicts[0].reward == pytest.approx(judge.judge(cases[0]).reward, abs=1e-5)
    with pytest.raises(ModelError, match="is an encoder reward model"):
        load_model(out)


def test_no_answer_can_write_an_encoders_own_marks(encoder: str) -> None:
    from transformers import AutoTokenizer

    from themis.model.encoder import CaseWriter

    tokenizer = AutoTokenizer.from_pretrained(encoder)
    written = CaseWriter(tokenizer)(Case("a [SEP] b", "[CLS] c [SEP]"))
    assert written.token_ids.count(tokenizer.sep_token_id) == 2
    assert written.token_ids.count(tokenizer.cls_token_id) == 1


def test_margins_and_centring_are_part_of_the_loss(base: str, tmp_path: Path) -> None:
    path = tmp_path / "margins.jsonl"
    path.write_text("".join(json.dumps(row | {"margin": 3.0}) + "\n" for row in PAIRS))
    plain = train(recipe(base, str(path), epochs=1), tmp_path / "plain", notice=silent)
    wide = train(recipe(base, str(path), epochs=1, margin=True), tmp_path / "wide", notice=silent)
    centred = train(recipe(base, str(path), epochs=1, loss=LossWeights(alpha=0.0, centre=0.01)), tmp_path / "centred", notice=silent)
    assert _losses(wide)[1] > _losses(plain)[1]
    assert "centre" in json.loads((centred / "log.json").read_text())[0]


KILLED = """
import sys
from pathlib import Path
from tests.training.test_epochs import recipe, silent
from themis.hyperparameters import Lora
from themis.training.run import train
train(recipe(sys.argv[1], sys.argv[2], epochs=4, lora=Lora()), Path(sys.argv[3]), notice=silent)
"""


def _environment() -> dict[str, str]:
    return {**os.environ, "THEMIS_DATA": "", "OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONPATH": os.getcwd()}


TWO = """
import sys
from pathlib import Path
from tests.training.test_epochs import recipe, silent
from themis.training.run import train
train(recipe(sys.argv[1], sys.argv[2], epochs=2), Path(sys.argv[3]), notice=silent)
"""


def test_two_processes_train_to_the_loss_of_one_and_leave_one_model(pairs: str, base: str, tmp_path: Path) -> None:
    alone = train(recipe(base, pairs, epochs=2), tmp_path / "alone", notice=silent)
    script = tmp_path / "two.py"
    script.write_text(TWO)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0", "--standalone"]
    done = subprocess.run(
        [*launcher, str(script), base, pairs, str(tmp_path / "two")],
        env={**_environment(), "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, two = _losses(alone), _losses(tmp_path / "two")
    assert two.keys() == one.keys()
    assert all(two[step] == pytest.approx(one[step], abs=1e-4) for step in one)
    terms = [json.loads((folder / "log.json").read_text())[0] for folder in (alone, tmp_path / "two")]
    assert terms[1]["accuracy"] == pytest.approx(terms[0]["accuracy"], abs=1e-4)
    assert terms[1]["margin"] == pytest.approx(terms[0]["margin"], abs=1e-3)
    model, other = load_model(alone)[0], load_model(tmp_path / "two")[0]
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_the_loss_curve_of_a_run_that_was_killed_is_that_of_one_that_was_not(pairs: str, base: str, tmp_path: Path) -> None:
    """With dropout in the adapters, whose random state must go on, too."""
    pytest.importorskip("peft")
    settings = recipe(base, pairs, epochs=4, lora=Lora())
    whole = train(settings, tmp_path / "whole", notice=silent)
    command = [sys.executable, "-c", KILLED, base, pairs, str(tmp_path / "killed")]
    process = subprocess.Popen(command, env=_environment(), start_new_session=True)
    while not (tmp_path / "killed" / "checkpoints" / "checkpoint-4" / "trainer_state.json").exists():
        assert process.poll() is None, "the run ended before it wrote its checkpoint"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    said: list[str] = []
    resumed = train(settings, tmp_path / "killed", notice=said.append)
    assert any("resumes from" in line for line in said)
    assert not any("pads its batches" in line for line in said)  # its sequences are joined
    assert _losses(resumed) == _losses(whole)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 3}, "either run.steps or run.epochs, not both"),
        ({"epochs": 0}, "either run.steps or run.epochs"),
        ({"files": ()}, "names nothing to learn from"),
        ({"mixture": {"rules/calendar": 1.0}}, "epochs: rules/calendar: an infinite stream has no epochs"),
        ({"mixture": {"files": 1.0, "tara/calendar": 1.0}, "tasks": ("calender",)}, "no source of the mixture is of task 'calender'"),
        ({"lengths": (512,)}, "the backbone reads at most 256 tokens, and the recipe asks for 512"),
        ({"margin": True}, "data.margin is true, so column 'margin' must be a number"),
        ({"report_to": ("tensorbord",)}, "no tracker 'tensorbord'; known: tensorboard, wandb, trackio"),
        ({"fsdp": {"version": 2}}, "need several processes: torchrun"),
        ({"kind": "encoder", "lora": Lora()}, "lora is for language models"),
        ({"lora": Lora(targets=("query",))}, "has no layers named query"),
    ],
)
def test_a_recipe_that_cannot_work_is_one_sentence(changes: dict[str, Any], says: str, pairs: str, base: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, DataError)) as refusal:
        train(recipe(base, pairs, **changes), tmp_path / "run", curriculum=Curriculum(), notice=silent)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_tokenizer_without_padding_is_named_with_what_to_write(pairs: str, tmp_path: Path) -> None:
    from tests.fakes import random_backbone, tiny_config

    tokenizer = byte_tokenizer()
    folder = tmp_path / "plain"
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    random_backbone(tiny_config("llama", len(tokenizer), 256)).save_pretrained(folder)
    with pytest.raises(ConfigError, match=r"lacks a padding token: name one of its own, such as model\.pad_token='<pad>'"):
        train(recipe(str(folder), pairs), tmp_path / "run", notice=silent)
    named = changed(recipe(str(folder), pairs, epochs=1), model=Backbone(name=str(folder), pad_token="<pad>"))
    assert (train(named, tmp_path / "other", notice=silent) / "themis.json").is_file()


def test_a_backbone_of_another_shape_is_one_sentence(encoder: str, pairs: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in (str(tmp_path / "empty"), "nobody-has-this"):
        with pytest.raises(ModelError) as refusal:
            train(recipe(name, pairs), tmp_path / "run", overwrite=True, notice=silent)
        assert "\n" not in str(refusal.value)


def test_somebody_elses_files_are_not_written_among(pairs: str, base: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="holds files that no training run wrote"):
        train(recipe(base, pairs), tmp_path / "run", notice=silent)
    train(recipe(base, pairs, epochs=1), tmp_path / "run", overwrite=True, notice=silent)
    assert (tmp_path / "run" / "thesis.tex").read_text() == "mine"


def test_a_run_that_leaves_the_numbers_stops_and_names_the_last_good_checkpoint(pairs: str, base: str, tmp_path: Path) -> None:
    from transformers import TrainerCallback

    class Poison(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 4:
                with torch.no_grad():
                    kwargs["model"].score.weight.fill_(float("nan"))

    with pytest.raises(ModelError) as refusal:
        train(recipe(base, pairs, epochs=4), tmp_path / "run", callbacks=[Poison()], notice=silent)
    assert str(refusal.value).startswith(("step 5: the loss is nan", "step 4: some weights are NaN"))
    with pytest.raises(ModelError, match=r"step 4: some weights are NaN or infinite|the last good checkpoint is .*checkpoint-2"):
        raise refusal.value
