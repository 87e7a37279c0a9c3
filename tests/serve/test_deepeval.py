"""DeepEval, pointed at the server by its environment variable, judges a case.

It pins older versions of what we use, and brings plugins of pytest. So it has an environment of its own, which
`make deepeval` sets up: `.venv-deepeval`, or the Python that THEMIS_DEEPEVAL names.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.serve.serving import served
from themis.inference import load_judge

HERE = Path(__file__).parent
PYTHON = Path(os.environ.get("THEMIS_DEEPEVAL") or HERE.parents[1] / ".venv-deepeval" / "bin" / "python")
TUESDAY = "What day of the week is 2015-03-24?"


@pytest.mark.skipif(not PYTHON.exists(), reason="no DeepEval here: run `make deepeval`")
def test_deepeval_tells_a_right_answer_from_a_wrong_one(tmp_path: Path) -> None:
    answers = ["2015-03-24 is a Tuesday.", "2015-03-24 is a Thursday."]
    with load_judge("nano", device="cpu") as judge, served(judge) as server:
        settings = {"TYPESAFE_BASE_URL": server.url, "TYPESAFE_API_KEY": "none", "DEEPEVAL_TELEMETRY_OPT_OUT": "YES"}
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **settings}
        command = [str(PYTHON), str(HERE / "evaluators.py"), TUESDAY, *answers]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        asked = server.metric('themis_requests_total{code="200",route="/v1/systemone"}')
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [each["success"] for each in told] == [True, False]
    assert told[0]["score"] > 0.7 > 0.3 > told[1]["score"]
    assert asked == len(answers)
