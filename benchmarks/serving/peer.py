"""The procedure of OpenRLHF's `serve_rm`: a handler that blocks the event loop, and a static batch for each request.

    python -m benchmarks.serving.peer PORT CLASSIFIER

Code of our own after what `openrlhf/cli/serve_rm.py` (commit 080b54f) does. An asynchronous handler reads the texts
of a request, pads them on the left to the longest, runs the model once over all, and answers with its rewards. Here
the mark at which our head reads takes the place of its end of text. One thread computes, as in our server.
"""

import sys

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.serving.client import HOST
from themis.traces.text import REWARD

LONGEST = 2048


def app_of(folder: str) -> FastAPI:
    """The server's app."""
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    app = FastAPI()

    def rewards(texts: list[str]) -> list[float]:
        ended = [text.removesuffix(REWARD) + REWARD for text in texts]
        with torch.no_grad():
            batch = tokenizer(ended, return_tensors="pt", max_length=LONGEST, padding=True, truncation=True)
            logits_B1 = model(batch["input_ids"], batch["attention_mask"]).logits
        found: list[float] = logits_B1.squeeze(-1).tolist()
        return found

    @app.post("/get_reward")
    async def get_reward(request: Request) -> JSONResponse:
        return JSONResponse({"rewards": rewards((await request.json())["query"])})

    @app.get("/ready")
    async def ready() -> JSONResponse:
        return JSONResponse("ready")

    return app


if __name__ == "__main__":
    torch.set_num_threads(1)
    uvicorn.run(app_of(sys.argv[2]), host=HOST, port=int(sys.argv[1]), log_level="warning")
