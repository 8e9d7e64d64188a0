"""`search --golden`: questions with the keys that must come back, and the recall of the graph's answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import Field, ValidationError

from delta_neo4j.errors import RecallError, SettingsError
from delta_neo4j.graph.search import filters
from delta_neo4j.graph.search.question import MOST_HITS, Mode, Question
from delta_neo4j.mapping import yaml_places
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.mapping.model_parts import Strict
from delta_neo4j.runs.search import SearchSettings, search_all

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Mapping


class _GoldenQuestion(Strict):
    question: Annotated[str, Field(min_length=1)]
    keys: Annotated[list[str | list[str]], Field(min_length=1)]
    where: tuple[str, ...] = ()
    mode: Mode | None = None


class _GoldenFile(Strict):
    recall: Annotated[float, Field(ge=0, le=1)]
    k: Annotated[int, Field(ge=1, le=MOST_HITS)] = 10
    mode: Mode | None = None
    questions: Annotated[list[_GoldenQuestion], Field(min_length=1)]


@dataclass(frozen=True)
class Golden:
    """
    Questions and, for each, the keys that must be among its hits; `recall` is the least share of keys (0-1).

    A key is a tuple of its parts.
    """

    recall: float
    k: int
    questions: tuple[Question, ...]
    keys: tuple[tuple[tuple[Any, ...], ...], ...]


@dataclass(frozen=True)
class Recall:
    """The recall of each question (0-1), the keys that did not come back, and the mean over the questions."""

    recall: float
    wanted: float
    k: int
    questions: tuple[tuple[str, float, tuple[tuple[Any, ...], ...]], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the recall as `search --golden --json` prints it."""
        names = ("question", "recall", "missing")
        questions = [dict(zip(names, each, strict=True)) for each in self.questions]
        return {"recall": self.recall, "wanted": self.wanted, "k": self.k, "questions": questions}

    def lines(self) -> list[str]:
        """Return a line for each question, with the keys that are missing, and one for the mean."""
        told = []
        for text, recall, missing in self.questions:
            lacking = "; ".join(", ".join(map(str, key)) for key in missing)
            told.append(f"{recall:.3f}  {text}" + (f"\n       missing: {lacking}" if missing else ""))
        return [*told, f"recall@{self.k} {self.recall:.3f} over {len(self.questions)} questions, wanted {self.wanted}"]

    def check(self) -> None:
        """Raise `RecallError` if the mean is below what was wanted."""
        if self.recall < self.wanted:
            raise RecallError(
                f"recall@{self.k} is {self.recall:.4f}, below the {self.wanted} of the golden questions; the lines "
                "above name the keys that did not come back"
            )


def read(file: str, mapping: Mapping, asked: dict[str, Any]) -> Golden:
    """
    Return the questions of a YAML file; `asked` has the fields of every `Question` that the file does not name.

    Raises `SettingsError` with the place of the first fault.
    """
    model = _validated(file)
    questions, keys = [], []
    for number, each in enumerate(model.questions, 1):
        where, mode = (*asked.get("where", ()), *each.where), each.mode or model.mode or asked.get("mode", "vector")
        if len(each.keys) > model.k:
            raise SettingsError(f"{file}: question {number} has {len(each.keys)} keys, but k is {model.k}")
        question = Question(**{**asked, "text": each.question, "where": where, "mode": mode, "limit": model.k})
        table = question.table_in(mapping)
        keys.append(tuple(filters.key(table, tuple(key) if isinstance(key, list) else (key,)) for key in each.keys))
        questions.append(question)
    return Golden(model.recall, model.k, tuple(questions), tuple(keys))


def measure(settings: SearchSettings, file: str, asked: dict[str, Any]) -> Recall:
    """Ask the questions of a file and return their recall; raises as `read` and `search_all`."""
    golden = read(file, read_mapping(settings.mapping), asked)
    answers = search_all(settings, list(golden.questions))
    measured = []
    for question, keys, hits in zip(golden.questions, golden.keys, answers, strict=True):
        found = {hit.key for hit in hits}
        missing = tuple(key for key in dict.fromkeys(keys) if key not in found)
        measured.append((question.text, 1 - len(missing) / len(dict.fromkeys(keys)), missing))
    mean = sum(recall for _, recall, _ in measured) / len(measured)
    return Recall(mean, golden.recall, golden.k, tuple(measured))


def _validated(file: str) -> _GoldenFile:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a name with a zero byte
        raise SettingsError(f"golden questions {file[:200]!r} cannot be read: {error}") from error
    try:
        # Every value as text: YAML would make the number 7 of the key 007.
        values = yaml.load(text, yaml.BaseLoader)  # noqa: S506  # makes texts, lists and maps only
        document = yaml_places.Document(values, yaml.compose(text, yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"golden questions {file}:{yaml_places.broken(text, error)}") from error
    try:
        return _GoldenFile.model_validate(document.values)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        place = document.fault(fault["loc"], fault["msg"].removeprefix("Value error, "))
        raise SettingsError(f"golden questions {file}:{place}") from error
