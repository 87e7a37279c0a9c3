"""`themis models`: pretrained backbones to train on, and where they are kept."""

import json
from typing import Annotated

import typer

from themis.errors import ConfigError

app = typer.Typer(help="List pretrained backbones, fetch them, and say where they are kept.", no_args_is_help=True)

_JSON_HELP = "Write JSON."


@app.command("list", epilog="Example: themis models list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help=_JSON_HELP)] = False) -> None:
    """Show the known backbones: size, licence, digest, and whether they are here."""
    from dataclasses import asdict

    from themis.model.known import at_hand, known_models

    rows = [{"name": name, **asdict(model), "here": at_hand(name) is not None} for name, model in known_models().items()]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        typer.echo(f"{row['name']}  {row['bytes'] / 1e6:.0f} MB  {'here' if row['here'] else 'not fetched'}  {row['licence']}")
        typer.echo(f"    {row['about']}\n    sha256 {row['sha256']}")


@app.command(epilog="Example: themis models get smollm2-135m")
def get(name: Annotated[str, typer.Argument(metavar="NAME", help="One of `themis models list`, or REPO::FILE.gguf of the Hub.")]) -> None:
    """Fetch a backbone, check its digest, and keep it as a directory of transformers; prints the directory."""
    import difflib

    from themis.model.known import OF_REPOSITORY, directory_of, known_models

    if name not in known_models() and OF_REPOSITORY not in name:
        near = difflib.get_close_matches(name, known_models(), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known_models())}; or REPO::FILE.gguf"
        raise ConfigError(f"no backbone '{name}': {hint}")
    typer.echo(f"{name}: fetching and converting, which takes a minute or two the first time", err=True)
    typer.echo(directory_of(name))


@app.command(epilog="Example: themis models where")
def where() -> None:
    """Print the directory that keeps fetched backbones; THEMIS_CACHE sets another."""
    from themis.model.known import cache_directory

    typer.echo(cache_directory())
