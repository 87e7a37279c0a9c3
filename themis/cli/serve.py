"""`themis serve`: a reward server for programs that train."""

import math
import os
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from themis.cli.judging import JudgeOptions, Ray, extra, import_libraries, model_name, placed_judge, with_options
from themis.errors import ConfigError
from themis.files import digest

if TYPE_CHECKING:
    from themis.serve.serving import Service, Serving
    from themis.traces import Judge

Load: TypeAlias = "Callable[[], tuple[Any, Mapping[str, Any]]]"
"""Gives what answers cases, and all that decides its verdicts."""

EXAMPLE = "Example: themis serve --model nano --port 8000"

_HOST_HELP = "The address to listen on. Any other than this machine's own needs --token-env."
_QUEUE_HELP = "Most cases that wait to be judged; a request that brings more gets 429."
_DEADLINE_HELP = "Most seconds from a request to its verdicts, below 180; a request may ask for fewer."
_TOKEN_HELP = "The environment variable that holds the token which clients must send."
_LOG_HELP = "Append every verdict, with its case, to this file. Without it nothing of a case is kept."
_TEMPLATE_HELP = "The chat template of texts that hold question and answer in one: chatml, llama3, gemma, or its marks as JSON."
_MISSING_HELP = "What is answered instead of a missing reward to clients that read a number alone."
_REPLICAS_HELP = "With --ray: how many judges, each in a process of its own."


@dataclass(frozen=True)
class ServeOptions(JudgeOptions):
    """Where and how to serve."""

    host: Annotated[str, typer.Option(help=_HOST_HELP)] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port.")] = 8000
    queue: Annotated[int, typer.Option(min=1, help=_QUEUE_HELP)] = 1024
    deadline: Annotated[float, typer.Option(help=_DEADLINE_HELP)] = 150.0
    token_env: Annotated[str, typer.Option(help=_TOKEN_HELP, show_default=False)] = ""
    log: Annotated[Path | None, typer.Option(help=_LOG_HELP, dir_okay=False)] = None
    missing: Annotated[float | None, typer.Option(help=_MISSING_HELP, show_default="an error")] = None
    template: Annotated[str, typer.Option(help=_TEMPLATE_HELP, show_default="such texts are refused")] = ""
    ray: Ray = None
    replicas: Annotated[int | None, typer.Option(min=1, help=_REPLICAS_HELP, show_default="as many as there is room for")] = None

    def name(self) -> str:
        """By which clients know the model: a folder's own name says nothing of where it is."""
        return model_name(self.model)


@with_options
def serve(*, serving: ServeOptions) -> None:
    """Serve a judge over HTTP: rewards with their traces, for programs that train. The model is loaded meanwhile."""
    with extra("serve", of="serve"):
        from themis.serve.app import server_of
        from themis.serve.guard import Door
        from themis.serve.serving import Options, Serving
        from themis.serve.verdict_log import VerdictLog
    from themis.serve.listening import check_host, listener, token_of
    from themis.traces.one_text import marks_of

    token = token_of(serving.token_env)
    check_host(serving.host, token)
    _check(serving)
    marks = marks_of(serving.template)
    with ExitStack() as stack:
        listening_socket = stack.enter_context(listener(serving.host, serving.port))
        log = stack.enter_context(VerdictLog(serving.log, serving.name())) if serving.log else None
        loaded: Future[Any] = Future()
        service, load = (_here if serving.ray is None else _by_ray)(serving, loaded, stack)
        options = Options(serving.name(), serving.queue, serving.deadline, serving.missing, marks)
        running = Serving(service, options, log)
        server = server_of(running, Door(serving.host, token), loaded.done)

        def end_without_judge(judge: Future[Any]) -> None:
            server.should_exit = server.should_exit or judge.exception() is not None

        loaded.add_done_callback(end_without_judge)
        threading.Thread(target=_load, args=(load, running, loaded), name="themis-loading", daemon=True).start()
        typer.echo(f"themis: serving {serving.name()} at {_address(serving.host, serving.port)}, loading the model", err=True)
        server.run(sockets=[listening_socket])
        if not loaded.done():
            if serving.ray is not None:
                stack.close()
            os._exit(0)  # told to end before the model was there: an import of torch cannot be interrupted
        loaded.result()


def _check(serving: ServeOptions) -> None:
    """Raises `ConfigError` for options that are out of bounds, or do not fit together."""
    from themis.serve.serving import LONGEST_DEADLINE

    if not 0 < serving.deadline < LONGEST_DEADLINE:
        raise ConfigError(f"--deadline must be above 0 and below {LONGEST_DEADLINE:g} seconds, found {serving.deadline:g}")
    if serving.missing is not None and not math.isfinite(serving.missing):
        raise ConfigError(f"--missing must be a finite number, found {serving.missing}")
    if serving.replicas is not None and serving.ray is None:
        raise ConfigError("--replicas counts the judges of --ray: leave it out, or give --ray")
    serving.check()
    serving.check_here("serve its judge again")


def _here(serving: ServeOptions, loaded: Future[Any], stack: ExitStack) -> "tuple[Service, Load]":
    """A service of one judge in this process, and what loads the judge."""
    from themis.inference import JudgingService

    toolbox = stack.enter_context(serving.toolbox())
    service = JudgingService(loaded.result)
    stack.callback(service.close, cancel_futures=True)

    def load() -> "tuple[Judge, Mapping[str, Any]]":
        import_libraries()
        return serving.judge(toolbox), serving.known_by(toolbox)

    return service, load


def _by_ray(serving: ServeOptions, loaded: Future[Any], stack: ExitStack) -> "tuple[Service, Load]":
    """A service of replicas all over a cluster, and what deploys them."""
    from themis.cluster.connection import AFAR, connected

    address = str(serving.ray)
    if address.startswith(AFAR):
        raise ConfigError(f"--ray {address}: a server must belong to its cluster; give --ray auto on one of its machines")
    stack.enter_context(connected(address))
    with extra("ray", of="serve --ray"):
        from themis.cluster.replicas import Deployed, ReplicaService, deploy, no_replicas_left
        from themis.cluster.workers import known_by_workers, workers_of
    workers = workers_of(serving.replicas, serving.threads, serving.device, serving.batch_size)
    source = placed_judge(serving)
    name = f"themis-{socket.gethostname()}-{serving.port}"  # nobody else has this port of this machine
    stack.enter_context(no_replicas_left(name))
    service = ReplicaService(loaded, workers.count * workers.batch_size)
    stack.callback(service.close, cancel_futures=True)

    def load() -> tuple[Deployed, Mapping[str, Any]]:
        known = known_by_workers(workers, source)
        return deploy(name, workers, source, known), known

    return service, load


def _load(load: "Load", running: "Serving", loaded: Future[Any]) -> None:
    """In a thread of its own: the server answers meanwhile. An error ends the server, and is raised there."""
    try:
        judge, known = load()
        running.known = {"judge": digest({**known, "model": ""}), "tools": list(known["tools"])}
    except BaseException as error:
        loaded.set_exception(error)
    else:
        loaded.set_result(judge)
        typer.echo("themis: ready", err=True)


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
