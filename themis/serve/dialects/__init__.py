"""How other programs ask for rewards: each dialect is a module here, over the same service as the native routes.

A dialect `themis/serve/dialects/NAME.py` has one function, and its name stands in `NAMES`:

    def add_routes(app: FastAPI, serving: Serving) -> None:

        @app.post("/get_reward")
        async def get_reward(request: Request) -> Response:
            cases = ...json_body(await request.body())...    # raise Refusal(422, "one sentence")
            verdicts = await serving.judge(cases)    # cancelled where the client goes away
            return JsonAnswer({"rewards": [serving.number(verdict) for verdict in verdicts]})

        serving.forms["/get_reward"] = its_form    # Refusal -> Response, where it differs from the native form

- `serving.judge` logs and counts verdicts, keeps the deadline, and raises `Refusal` where too many cases wait.
- `serving.number` is for clients that read a number alone: without a reward it raises `Refusal` (503), or gives what
  `--missing` says, which it logs and counts.
- A path with an entry in `serving.forms` gets every refusal in that form: those of the door (a body too large, a wrong
  token, the server's end), and those that the route raises itself.
- A route must be `async`, and must not block.
"""

from importlib import import_module

from fastapi import FastAPI

from themis.serve.serving import Serving

NAMES: tuple[str, ...] = ()


def add_dialects(app: FastAPI, serving: Serving) -> None:
    """The routes of every dialect."""
    for name in NAMES:
        import_module(f"{__name__}.{name}").add_routes(app, serving)
