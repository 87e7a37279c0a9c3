"""How other programs ask for rewards: each dialect is a module here, over the same service as the native routes.

A dialect `themis/serve/dialects/NAME.py` has one function, and its name stands in `NAMES`:

    def add_routes(app: FastAPI, serving: Serving) -> None:

        async def get_reward(body: dict[str, Any], query: Mapping[str, str]) -> Any:
            cases = ...    # raise DataError or Refusal(422, "one sentence")
            verdicts = await serving.judge(cases)    # cancelled where the client goes away
            return {"rewards": serving.numbers(verdicts)}

        add_call(app, serving, ["/get_reward"], get_reward, its_form)    # Refusal -> Response

- `serving.judge` logs and counts verdicts, keeps the deadline, and raises `Refusal` where too many cases wait.
- `serving.numbers` is for clients that read numbers alone: without a reward it raises `Refusal` (503), or gives what
  `--missing` says, which it logs and counts.
- `calls.add_call` reads the body, and puts the form of refusals into `serving.forms`. A path there gets every refusal
  in that form: those of the door (a body too large, a wrong token, the server's end), and those of the route.
- `calls.yaml` describes each call, with an example. A route may also be added to the app without `add_call`.
- A route must be `async`, and must not block.
"""

from importlib import import_module

from fastapi import FastAPI

from themis.serve.serving import Serving

NAMES = ("openrlhf", "vllm", "llama_factory", "nemo_gym", "slime", "systemone", "decisions")


def add_dialects(app: FastAPI, serving: Serving) -> None:
    """The routes of every dialect."""
    for name in NAMES:
        import_module(f"{__name__}.{name}").add_routes(app, serving)
