"""`themis mcp`: our tools and a judge, for any program that speaks MCP."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from themis.cli.judging import ModelOptions, SettingsFile, Store, ToolFlags, ToolsMode, extra, import_libraries, open_toolbox, with_options

if TYPE_CHECKING:
    from themis.traces import Judge

EXAMPLE = 'Example, in the settings of a client: {"mcpServers": {"themis": {"command": "themis", "args": ["mcp"]}}}'

_HTTP_HELP = "Serve over HTTP, at /mcp, instead of standard input and output."
_TOKEN_HELP = "With --http: the environment variable that holds the token which clients must send."


@with_options
def mcp(
    http: Annotated[bool, typer.Option("--http", help=_HTTP_HELP)] = False,
    host: Annotated[str, typer.Option(help="With --http: the address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="With --http: the port.")] = 8756,
    token_env: Annotated[str, typer.Option(help=_TOKEN_HELP, show_default=False)] = "",
    judge: Annotated[bool, typer.Option("--judge/--no-judge", help="Offer the tool `judge`, too.")] = True,
    tools_mode: ToolsMode = None,
    store: Store = None,
    settings: SettingsFile = None,
    tool: ToolFlags = None,
    *,
    judging: ModelOptions,
) -> None:
    """Serve the tools, and a judge, to programs that speak MCP. The model is loaded when it first judges."""
    from themis.serve.listening import check_host, token_of

    with extra("mcp", of="mcp"):
        from themis.serve.mcp import mcp_server, run_http, run_stdio
    token = token_of(token_env)
    if http:
        check_host(host, token)
    if judge:
        judging.check()
    from themis.inference import JudgingService

    with ExitStack() as stack:
        toolbox = stack.enter_context(open_toolbox(tools_mode, store, settings=settings, flags=tool))

        def load() -> "Judge":
            import_libraries()
            return judging.load(toolbox, batch_size=16)

        service = JudgingService(load)
        stack.callback(service.close, cancel_futures=True)
        server = mcp_server(toolbox, service if judge else None)
        if http:
            said = f"themis: serving {len(toolbox.names)} tools at http://{host}:{port}/mcp"
            run_http(server, host, port, token, lambda: typer.echo(said, err=True))
        else:
            run_stdio(server)
