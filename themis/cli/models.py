"""`themis models`: pretrained backbones to train on, where they are kept, and pushing a model to the Hub."""

import json
from pathlib import Path
from typing import Annotated

import typer

from themis.errors import ConfigError

app = typer.Typer(help="List pretrained backbones, fetch them, say where they are kept; push a model of yours.", no_args_is_help=True)

_JSON_HELP = "Write JSON."
_LICENSE_HELP = "The licence of the weights, as the Hub names it, such as apache-2.0."
_LICENSE_DEFAULT = "that of a known backbone"
_RESULTS_HELP = "A result of `themis eval --out` with this model, for its card; may be given again."
_DRY_HELP = "Print what would be pushed, and the card; ask nobody."


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


@app.command(epilog="Example: themis models push runs/mine me/my-judge --license apache-2.0 --results dev.json --private")
def push(
    model: Annotated[str, typer.Argument(metavar="DIR", help="The directory of a model that Themis wrote.")],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hugging Face Hub.")],
    license: Annotated[str, typer.Option(help=_LICENSE_HELP, show_default=_LICENSE_DEFAULT)] = "",
    results: Annotated[list[Path] | None, typer.Option(help=_RESULTS_HELP, dir_okay=False, show_default=False)] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the repository a private one, if it has to be made.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_DRY_HELP)] = False,
) -> None:
    """Push a model to the Hugging Face Hub, with a card of its own figures. Only the files of the model are pushed."""
    from themis.integrations.hub import prepare_push, push_to_hub

    if dry_run:
        typer.echo("\n".join(prepare_push(model, repo, license, results or ()).lines()))
    else:
        typer.echo(push_to_hub(model, repo, license=license, results=results or (), private=private))


@app.command(epilog="Example: themis models where")
def where() -> None:
    """Print the directory that keeps fetched backbones; THEMIS_CACHE sets another."""
    from themis.model.known import cache_directory

    typer.echo(cache_directory())
