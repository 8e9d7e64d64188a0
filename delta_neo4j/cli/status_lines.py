"""The lines that `status` shows, from the values that it prints with --json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_REASONS = 8  # groups of dead letters; more are counted in one line
_WIDTH = 110  # characters of an example


def lines(held: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a status, part by part."""
    yield f"state         {held['state']} (read with {held['read_with']})"
    yield from _part("runs", [line for run in held["runs"] for line in _run(run)], "none yet")
    without = f"unknown: {held['mapping_fault']}" if held["mapping_fault"] else "none"
    yield from _part("sources", [_source(each) for each in held["sources"]], without)
    yield from _part("dead letters", list(_letters(held["dead_letters"])), "none open")
    yield from _part("verification", [_verification(each) for each in held["verifications"]], "none yet")
    yield from _part("graph", list(_graph(held["graph"])), "")
    sizes = " · ".join(f"{each['name']} {size(each['bytes'])} in {each['files']:,}" for each in held["tables"])
    yield from _part("tables", [f"{sizes} files"] if sizes else [], "none yet")


def size(count: float) -> str:
    """Return a number of bytes in a unit that a person reads."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004  # the step between units
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 10 else f"{count:.1f} {unit}"  # noqa: PLR2004
        count /= 1000
    return f"{count:,.1f} GB"


def _part(name: str, shown: list[str], empty: str) -> Iterator[str]:
    first, *others = shown or [empty]
    yield f"{name:<13} {first}"
    yield from (f"{'':<13} {line}" for line in others)


def _run(run: dict[str, Any]) -> Iterator[str]:
    counts = f"{run['rows_read']:,} read, {run['written']:,} written, {run['dead_lettered']:,} dead-lettered"
    yield f"{run['run_id']}  {run['started_at']}  {run['status']:<9}  {counts}  {run['seconds']:.1f} s"
    if run["error"]:
        yield f"  {run['error']}"


def _source(each: dict[str, Any]) -> str:
    name = f"{each['table']} ← {each['source']}"
    if each["fault"]:
        return f"{name}: pending unknown: {each['fault']}"
    if each["load_id"] is None:
        return f"{name}: not loaded yet, {each['rows']:,} rows pending"
    extent = f"{name}, {each['source_mode']}"
    if each["rows_pending"] == 0:
        return f"{extent}: loaded up to version {each['version']}, nothing pending"
    reached = "" if each["loaded_version"] is None else f", loaded up to {each['loaded_version']}"
    versions = f"{extent}: version {each['version']}{reached}"
    if each["rows_pending"] is None:
        return f"{versions}; delta-neo4j plan counts the rows pending"
    return f"{versions}, {each['rows_pending']:,} rows pending"


def _letters(letters: list[dict[str, Any]]) -> Iterator[str]:
    for each in letters[:_REASONS]:
        example = " ".join(str(each["example"]).split())
        cut = example if len(example) <= _WIDTH else f"{example[:_WIDTH]}…"
        place = f"{each['table_name']} {each['stage']} {each['reason_class']}"
        yield f"{each['letters']:,} by the {each['at_fault']}: {place} ({cut})"
    if more := letters[_REASONS:]:
        yield f"{sum(each['letters'] for each in more):,} of {len(more)} more reasons (--json has all)"


def _verification(each: dict[str, Any]) -> str:
    told = [f"{name} {value}" for name, value in each.items() if name != "table_name" and len(str(value)) <= _WIDTH]
    return f"{each['table_name']}: {', '.join(told)}"


def _graph(graph: dict[str, Any]) -> Iterator[str]:
    if graph["fault"]:
        yield f"unknown: {graph['fault']}"
        return
    yield f"Neo4j {graph['server']} at {graph['uri']}, database {graph['database']}"
    for index in graph["indexes"]:
        yield f"{index['kind']:<8}  {_index(index)}"


def _index(index: dict[str, Any]) -> str:
    place = f"{index['label']}({', '.join(index['properties'])})"
    if index["kind"] != "vector":
        return f"{place} {index['state']}, {index['nodes']:,} nodes"
    made_by = f"{index['dimension']} dimensions, {index['model'] or 'model unknown'}"
    return f"{place} {index['state']}, {made_by}; {covered(index)}"


def covered(index: dict[str, Any]) -> str:
    """Return how many nodes of a vector index have a text and a vector, and whether sampled vectors are found."""
    looked_at, nodes = index["looked_at"], index["nodes"]
    among = f"of {nodes:,} nodes" if looked_at >= nodes else f"of the first {looked_at:,} of {nodes:,} nodes"
    has_text = "" if index["with_text"] is None else f"{index['with_text']:,} with text, "
    missing = f", {index['vector_missing']:,} with text lack one" if index["vector_missing"] else ""
    found = index["self_query"]
    itself = f"; {found['found']} of {found['sampled']} sampled vectors find themselves" if found else ""
    return f"{among} {has_text}{index['with_vector']:,} with vector{missing}{itself}"
