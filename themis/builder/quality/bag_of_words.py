"""A logistic regression on a bag of words of the answers, in five folds: how much do words alone tell?

Knows nothing of rows. scikit-learn comes with the extra `build`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from themis.builder.quality.surface_cues import bag
from themis.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

FOLDS = 5
_MOST_PASSES = 400


def scores(
    chosen: Sequence[str], rejected: Sequence[str], groups: Sequence[str] | None = None
) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]":
    """The log-odds that each chosen and each rejected answer is right, by a classifier that saw neither answer.

    Pairs of one group are in one fold; without `groups`, each pair is a group. All are 0 if there are fewer pairs
    than folds.
    """
    import numpy as np

    try:
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ConfigError("scikit-learn is missing: pip install 'themis-rm[build]'") from error
    number = len(chosen)
    right, wrong = np.zeros(number), np.zeros(number)
    folds = _folds(groups if groups is not None else [str(place) for place in range(number)])
    if len(set(folds.tolist())) < FOLDS:
        return right, wrong
    counts = CountVectorizer(analyzer=bag, binary=False)
    try:
        table = counts.fit_transform([*chosen, *rejected])
    except ValueError:  # no answer has a word
        return right, wrong
    labels = np.repeat([1, 0], number)
    fold_of = np.concatenate([folds, folds])
    for fold in range(FOLDS):
        learns, asked = fold_of != fold, np.flatnonzero(fold_of == fold)
        model = LogisticRegression(solver="liblinear", max_iter=_MOST_PASSES, random_state=0).fit(table[learns], labels[learns])
        found = model.decision_function(table[asked])
        right[asked[asked < number]] = found[asked < number]
        wrong[asked[asked >= number] - number] = found[asked >= number]
    return right, wrong


def margins(chosen: Sequence[str], rejected: Sequence[str], groups: Sequence[str] | None = None) -> "np.ndarray[Any, Any]":
    """How much more the chosen answer of each pair seems right."""
    right, wrong = scores(chosen, rejected, groups)
    difference: np.ndarray[Any, Any] = right - wrong
    return difference


def _folds(groups: Sequence[str]) -> "np.ndarray[Any, Any]":
    """The fold of each pair, by the first place of its group; any order that ignores the labels would do."""
    import numpy as np

    places: dict[str, int] = {}
    return np.array([places.setdefault(group, len(places)) % FOLDS for group in groups], dtype=np.int64)
