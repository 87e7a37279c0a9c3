"""`themis report`: runs as one page of HTML that needs no network and runs no script.

All text of a run is untrusted. It becomes markup in one place, `markup`, which escapes it.
"""

from themis.evaluation.page.page import page
from themis.evaluation.page.runs import Run, read_run

__all__ = ["Run", "page", "read_run"]
