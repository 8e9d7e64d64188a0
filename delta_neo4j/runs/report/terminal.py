"""The report as lines for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from delta_neo4j.runs.report.summary import RunReport, TableRun
    from delta_neo4j.state.account import Account


_UNREAD_FEED = (
    "the table has a change data feed now; --source-mode cdf --reset-checkpoint follows its updates and deletes, too"
)


def page(report: RunReport) -> RenderableType:
    """Return the report as lines for rich to print; the verdict is the last line."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    total = report.total
    grid = Table.grid(padding=(0, 2))
    for line in _lines(report, total):
        grid.add_row(*line)
    if report.error:
        verdict = Text(f"{report.status}: {report.error}", style="bold red" if report.status == "failed" else "bold")
    elif report.command == "embed":
        verdict = Text(f"done: {total.embedding['texts']:,} distinct texts are in the cache", style="bold green")
        if total.embedding["texts_faulted"]:
            faulted = f"{total.embedding['texts_faulted']:,} texts could not be embedded"
            verdict = Text(f"{faulted}: the next load writes their rows to the dead letters", style="bold")
    elif report.command == "retry-dead-letters" and not report.tables:
        verdict = Text("no such dead letter is open", style="bold green")
    elif total.rows_read == total.swept == 0:
        verdict = Text("nothing new: no row read, no text embedded, nothing written", style="bold green")
    else:
        verdict = Text(f"balanced: {total.rows_read:,} rows read = {_sum(total.outcomes)}", style="bold green")
    return Group(grid, verdict)


def _sum(outcomes: dict[str, int]) -> str:
    return " + ".join(f"{count:,} {name.replace('_', '-')}" for name, count in outcomes.items() if count) or "0"


def _lines(report: RunReport, total: Account) -> list[tuple[str, str]]:
    lines = [line for table in report.tables for line in _of_table(table, of_texts=report.command == "embed")]
    embedding, writer = total.embedding, total.writer
    origins = " + ".join(
        f"{embedding[term]:,} {word}"
        for term, word in (("cache_hits", "cached"), ("texts_embedded", "embedded"), ("texts_faulted", "faulted"))
    )
    texts = f"{embedding['texts']:,} distinct texts = {origins}, in {embedding['calls']:,} calls ({report.strategy})"
    lines.append(("embedding", texts))
    if report.reason:
        lines.append(("", report.reason))
    if report.command != "embed":
        effort = f"{writer['retries']} retried, {writer['deadlocks']} deadlocks"
        if writer["halved"]:
            effort += f", {writer['halved']} too large for the server and written in halves"
        created = f"{writer['end_nodes_created']:,} end nodes created"
        lines.append(("writing", f"{writer['transactions']:,} transactions, {effort}; {created}"))
    seconds = report.summary()["seconds"]
    lines.append(("seconds", ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())))
    if report.mlflow:
        lines.append(("mlflow", report.mlflow))
    return lines


def _of_table(table: TableRun, *, of_texts: bool) -> list[tuple[str, str]]:
    account = table.account
    batches = "1 micro-batch" if table.batches == 1 else f"{table.batches} micro-batches"
    extent = "texts" if of_texts else f"{account.rows_read:,} rows in {batches},"
    read = "the source as it was" if table.source_version is None else f"up to source version {table.source_version}"
    lines = [(table.name, f"{extent} {read}")]
    if table.unread_feed:
        lines.append(("", _UNREAD_FEED))
    for edge_type, terms in account.relationships.items():
        lines.append(("", f"{edge_type}: {_edges(terms)}"))
        if terms["parallel"]:
            lines.append(("", _parallel(edge_type, terms["parallel"])))
    if account.swept:
        lines.append(("", f"{account.swept:,} deleted that the source has no more"))
    if table.open_dead_letters:
        lines.append(("", f"{table.open_dead_letters:,} dead letters are open: delta-neo4j status"))
    if table.waiting_edges:
        lines.append(("", f"{table.waiting_edges:,} relationships wait for a node that is not there yet"))
    if account.makes_nothing:
        lines.append(("", "no row has both ends: check the columns of `from` and `to`"))
    if account.without_text:
        lines.append(("", f"{account.without_text:,} nodes without a text, so without a vector"))
    if account.truncated:
        lines.append(("", f"{account.truncated:,} rows with a text longer than the model reads: its end is ignored"))
    return lines


def _parallel(edge_type: str, count: int) -> str:
    return (
        f"{count:,} rows have the two nodes of another {edge_type} and other content: corrections, or relationships of "
        "their own, which an edge list with a `key` keeps apart"
    )


def _edges(terms: dict[str, int]) -> str:
    parts = [
        f"{terms[name]:,} {name.replace('_', '-')}"
        for name in ("written", "unchanged", "skipped", "dead_lettered")
        if terms[name]
    ]
    removed = f"; {terms['removed']:,} removed" if terms["removed"] else ""
    return f"{terms['expected']:,} expected = {' + '.join(parts) or '0'}{removed}"
