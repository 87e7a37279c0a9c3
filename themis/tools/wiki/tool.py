"""Looking something up in Wikipedia: the tool `wiki_search`, over an index on disk, an OpenZIM dump or the live wiki.

Observations read as the published TARA ones do: the title of the article, and a hundred of its words.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045.
"""

from importlib.util import find_spec
from pathlib import Path

from themis.errors import ConfigError, DataError
from themis.tools.base import AnyTool, tool
from themis.tools.setup.backend import Options, backend, error_of
from themis.tools.setup.options import number_option, text_option
from themis.tools.wiki.index import PassageIndex
from themis.tools.wiki.passages import WikiSource, written_passages
from themis.tools.wiki.zim import INSTALL, ZimSource


def wiki_tool(source: WikiSource, *, deadline: float = 10.0) -> AnyTool:
    """The tool `wiki_search` over a wiki source, with a deadline in seconds."""

    @tool(name="wiki_search", deadline=deadline, output_cap=4_000)
    def wiki_search(query: str) -> str:
        """Looks something up in Wikipedia, e.g. `Location of Brentwood in Tennessee`: the title of an article, and the words that match."""  # noqa: W505
        return written_passages(source(query))

    return wiki_search


def _build_index(options: Options) -> AnyTool:
    return wiki_tool(PassageIndex(_path(options), _passages(options)))


def _index_missing(options: Options) -> str | None:
    try:
        with PassageIndex(_path(options)):
            return None
    except (ConfigError, DataError) as error:
        return str(error)


def _build_zim(options: Options) -> AnyTool:
    return wiki_tool(ZimSource(_path(options), _passages(options)))


def _zim_missing(options: Options) -> str | None:
    return INSTALL if find_spec("libzim") is None else error_of(_build_zim, options)


def _path(options: Options) -> Path:
    path = text_option(options, "path")
    if not path:
        raise ConfigError("the option 'path' of wiki_search is not set: the folder made by `themis tools index`, or the file of a dump")
    return Path(path).expanduser()


def _passages(options: Options) -> int:
    passages = number_option(options, "passages", 1)
    if passages not in range(1, 6):
        raise ConfigError("the option 'passages' of wiki_search must be a whole number from 1 to 5")
    return int(passages)


_TOOL = wiki_tool(lambda query: [])

BACKENDS = (
    backend(_TOOL, "index", _build_index, _index_missing, offline=True),
    backend(_TOOL, "zim", _build_zim, _zim_missing, offline=True),
)
