"""The runs of a state, as `status` shows them."""

from __future__ import annotations

from tests.support.tables import removal, write


def test_the_last_runs_of_a_state_are_shown(spark, lts_graph, loads, capsys):
    """`status` after two loads: newest first, as text and as JSON."""
    import json

    from delta_neo4j.cli.console import main

    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(3)])
    first, second = runs.succeed(), runs.succeed()
    main(["status", "--state", runs.state, "--json"])
    shown = json.loads(capsys.readouterr().out)["runs"]
    assert [run["run_id"] for run in shown] == [second["run_id"], first["run_id"]]
    assert [run["rows_read"] for run in shown] == [0, 3]
    main(["status", "--state", runs.state, "--limit", "1"])
    assert capsys.readouterr().out.startswith(f"{second['run_id']}  ")
