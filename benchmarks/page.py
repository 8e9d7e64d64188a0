"""Write docs/performance.md and its chart from the results of the benchmarks: `python -m benchmarks.page`.

The prose is in `performance.md.in`, the targets and the reasons for those that are not reached in `targets.yml`.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Literal

import click
import yaml

from benchmarks.chart import Bar, chart
from benchmarks.profile import KINDS, LAST
from benchmarks.results import RESULTS
from benchmarks.services import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE, DOCS = Path(__file__).parent, ROOT / "docs"
NOT_MEASURED = "not measured"
WRITERS = {
    "ceiling": "bare driver script, two processes",
    "job": "delta-neo4j, the job",
    "connector": "Spark connector, 5,000 a transaction",
    "connector_1000": "Spark connector, 1,000 a transaction",
    "hand_loop": "hand-written foreachPartition loop",
    "empty_stream": "a Spark stream that only counts the rows",
}
PROCESSES = dict(zip(KINDS, ("Spark's JVM", "Python workers", "driver's Python", "Neo4j", "model server"), strict=True))
Results = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """One entry of `targets.yml`."""

    key: str
    result: str
    what: str
    unit: Literal["times", "share", "seconds"]
    goal: float | None
    why: str

    def measured(self, results: Mapping[str, Any]) -> float | None:
        """Return the figure; None if its benchmark has not run."""
        figure: float | None = results.get(self.result, {}).get("ratios", {}).get(self.key)
        return figure

    def reached(self, figure: float | None) -> bool | None:
        """Return whether the figure reaches the goal; None if there is no figure or no goal."""
        if figure is None or self.goal is None:
            return None
        return figure >= self.goal if self.unit == "times" else figure <= self.goal

    @property
    def shown_goal(self) -> str:
        """The goal as text."""
        if self.goal is None:
            return "none"
        return f"{'at least' if self.unit == 'times' else 'at most'} {self.shown(self.goal)}"

    def shown(self, figure: float | None) -> str:
        """Return a figure with its unit."""
        if figure is None:
            return NOT_MEASURED
        return f"{figure:.1f} s" if self.unit == "seconds" else f"{figure:.2f} {self.unit}"


def read_targets(path: Path = HERE / "targets.yml") -> list[Target]:
    """Return the targets in the order of the page."""
    return [Target(**entry) for entry in yaml.safe_load(path.read_text())]


def read_results(folder: Path = RESULTS) -> Results:
    """Return the results by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def targets_table(targets: Sequence[Target], results: Results) -> str:
    """Return the table of targets."""
    words = {True: "yes", False: "**no**", None: ""}
    rows = []
    for target in targets:
        figure = target.measured(results)
        rows.append([target.what, target.shown_goal, target.shown(figure), words[target.reached(figure)]])
    return _table(["", "target", "measured", "reached"], rows)


def reasons(targets: Sequence[Target], results: Results) -> str:
    """Return a line for each target that is not reached; raise `click.ClickException` if one has no reason."""
    missed = [target for target in targets if target.reached(target.measured(results)) is False]
    silent = [target.key for target in missed if not target.why.strip()]
    if silent:
        raise click.ClickException(f"not reached: {', '.join(silent)}; write the reason into `why` of targets.yml")
    if not missed:
        known = [target for target in targets if target.reached(target.measured(results))]
        return "Every goal that has a figure is reached." if known else "No figure has a goal yet."
    return "\n".join(
        f"* {target.what}: {target.shown(target.measured(results))}. {target.why.strip()}" for target in missed
    )


def medians(rounds: Sequence[Mapping[str, Mapping[str, float]]], figure: str) -> dict[str, float]:
    """Return the median of a figure by writer, without the warm-up and without the writers that lack it."""
    warm = rounds[1:] or rounds
    return {name: statistics.median(one[name][figure] for one in warm) for name in warm[0] if figure in warm[0][name]}


def writers(results: Results) -> tuple[str, str | None]:
    """Return the text about the writers, and the chart; the chart is None without a result."""
    if "write" not in results:
        return f"{NOT_MEASURED.capitalize()}.", None
    all_in, first_to_last = (medians(results["write"]["rounds"], f) for f in ("seconds", "first_to_last_seconds"))
    title = "Seconds for 100,000 rows, whole process"
    drawn = chart(title, "s", [Bar(WRITERS[name], figure, name == "job") for name, figure in all_in.items()])
    later = {name: f"{figure:.1f}" for name, figure in first_to_last.items()}
    rows = [[WRITERS[name], f"{figure:.1f}", later.get(name, "")] for name, figure in all_in.items()]
    table = _table(["seconds", "whole process", "first row to last commit"], rows)
    return f"![{title}](performance.svg)\n\n{table}", drawn


def profile_table(results: Results) -> str:
    """Return the table of CPU seconds by phase and process."""
    if "profile" not in results:
        return f"{NOT_MEASURED.capitalize()}."
    rows = []
    for name, phase in results["profile"]["rounds"][-1].items():
        until = "until the process ends" if name == LAST else f"until `{name}`"
        rows.append([until, f"{phase['wall']:.1f}", *(f"{phase[kind]:.1f}" for kind in KINDS)])
    return _table(["phase", "wall clock", *PROCESSES.values()], rows)


def results_list(results: Results) -> str:
    """Return a line for each result: date, machine, versions."""
    lines = []
    for name, result in results.items():
        machine = result["machine"]
        versions = ", ".join(f"{package} {version}" for package, version in result["versions"].items())
        where = f"{machine['cpus']} cores, {machine['memory_gib']} GiB, {machine['system']}"
        lines.append(f"* `{name}`: {result['finished_at'][:10]}, {where}; {versions}")
    return "\n".join(lines) or f"{NOT_MEASURED.capitalize()}."


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(targets: Sequence[Target], results: Results) -> tuple[str, str | None]:
    """Return the page and its chart; the chart is None without a result of the writers."""
    used = {target.result for target in targets} | {"write", "profile"}
    results = {name: result for name, result in results.items() if name in used}
    about_writers, drawn = writers(results)
    text = Template((HERE / "performance.md.in").read_text()).substitute(
        targets=targets_table(targets, results),
        reasons=reasons(targets, results),
        writers=about_writers,
        profile=profile_table(results),
        results=results_list(results),
    )
    return text, drawn


@click.command()
def main() -> None:
    """Write docs/performance.md and docs/performance.svg."""
    text, drawn = page(read_targets(), read_results())
    (DOCS / "performance.md").write_text(text)
    if drawn:
        (DOCS / "performance.svg").write_text(drawn)


if __name__ == "__main__":
    main()
