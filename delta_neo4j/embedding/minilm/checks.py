"""The validation of a model before it is registered: function, meaning and edge cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from delta_neo4j.embedding.base import SAME_MODEL
from delta_neo4j.embedding.minilm.weights import DIMENSION, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

# (a removal reason, the same reason in other words, another reason from the same field)
_MEANINGS = (
    ("ENGINE OIL LEAK", "oil is leaking from the engine", "passenger seat cover torn"),
    ("HYDRAULIC PUMP FAILED", "failure of the hydraulic pump", "cabin light flickers"),
    ("TIRE WORN TO LIMIT", "tyre wear beyond limits", "weather radar shows no picture"),
)
_OTHER_SCRIPTS = ("Öldruck zu niedrig", "燃油泵故障", "утечка масла", "✈️ 🛠️", "a\u0301e\u0301", "\u200f\u202e")
_TEXTS = tuple(text for meaning in _MEANINGS for text in meaning)
_LONG = " ".join(f"{text} on flight {number}." for number, text in enumerate(_TEXTS * 10))
# Two engines must agree on each of these: the text of every check, and lengths from a word to beyond the token limit.
VALIDATION_TEXTS: Final = (*_TEXTS, *_OTHER_SCRIPTS, "", _LONG, *(_LONG[:length] for length in range(5, 1_500, 61)))


class Model(Protocol):
    """A loaded MLflow model, or any object with its `predict`."""

    def predict(self, data: pd.DataFrame) -> list[list[float]]:
        """Return one vector for each row of the column `text`."""


class Check(NamedTuple):
    """One check of a model: its name, whether it passed, the measured figure and the bound in words."""

    name: str
    passed: bool
    figure: float
    wanted: str


def validate(model: Model) -> list[Check]:
    """Return the checks of a model's function, meaning and edge cases; every check must pass."""
    together = vectors(model, _TEXTS)
    if together.shape != (len(_TEXTS), DIMENSION):
        return [Check("shape", passed=False, figure=together.shape[-1], wanted=f"= {DIMENSION} floats a text")]
    long_pair = vectors(model, [_LONG, _LONG * 10])
    alone = [vectors(model, [text])[0] for text in _TEXTS]
    return [
        Check("shape", passed=True, figure=DIMENSION, wanted=f"= {DIMENSION} floats a text"),
        _at_most("unit norm", _norm_error(together), 1e-5),
        _at_least("other words are nearer than other things, by", _meaning_margin(together), 0.2),
        _at_most("empty text: unit norm", _norm_error(vectors(model, [""])), 1e-5),
        _at_least("very long text: cosine with its beginning", float(long_pair[0] @ long_pair[1]), SAME_MODEL),
        _at_most("other scripts: unit norm", _norm_error(vectors(model, _OTHER_SCRIPTS)), 1e-5),
        # Not to the last bit: in another batch a text is padded to another width, which changes 16-bit results.
        _at_least("in a batch as alone: cosine", float((together * alone).sum(axis=1).min()), SAME_MODEL),
    ]


def require(checks: list[Check]) -> None:
    """Raise ModelError with every failed check, if any failed."""
    failed = [f"{check.name} is {check.figure:.5g}, wanted {check.wanted}" for check in checks if not check.passed]
    if failed:
        raise ModelError(f"the model failed its validation and was not registered: {'; '.join(failed)}")


def vectors(model: Model, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a model's vectors of the texts, shape (texts, dimension)."""
    import numpy as np

    return np.asarray(model.predict(frame(texts)), dtype=np.float64)


def frame(texts: Sequence[str]) -> pd.DataFrame:
    """Return the texts as a frame with the column `text`, as a model takes them."""
    import pandas as pd

    return pd.DataFrame({"text": list(texts)})


def _at_most(name: str, figure: float, bound: float) -> Check:
    return Check(name, figure <= bound, figure, f"≤ {bound:g}")


def _at_least(name: str, figure: float, bound: float) -> Check:
    return Check(name, figure >= bound, figure, f"≥ {bound:g}")


def _norm_error(rows: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(abs((rows**2).sum(axis=1) ** 0.5 - 1).max())


def _meaning_margin(rows: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    reason, same, other = rows[0::3], rows[1::3], rows[2::3]
    return float(((reason * same).sum(axis=1) - (reason * other).sum(axis=1)).min())
