"""One address, a path or a table name, for Spark SQL, readers and writers."""

from __future__ import annotations

from unittest.mock import Mock, call

import pytest

from delta_neo4j.errors import MappingError, PreflightError
from delta_neo4j.source.path_or_name import open_table, save_table, sql_name
from delta_neo4j.state.tables import State


@pytest.mark.parametrize(
    ("address", "name", "read", "written"),
    [
        ("/data/a b", "delta.`/data/a b`", call.load("/data/a b"), call.save("/data/a b")),
        ("main.s.t-1", "`main`.`s`.`t-1`", call.table("`main`.`s`.`t-1`"), call.saveAsTable("`main`.`s`.`t-1`")),
    ],
)
def test_an_address_is_read_and_written_as_what_it_is(address, name, read, written):
    """A path is loaded and saved, a name is quoted and looked up in the catalog."""
    reader, writer = Mock(), Mock()
    open_table(reader, address)
    save_table(writer, address)
    assert (sql_name(address), reader.mock_calls, writer.mock_calls) == (name, [read], [written])


def test_an_address_cannot_leave_its_quotes():
    """A path with a back-tick and a name with other characters are refused before Spark sees them."""
    with pytest.raises(PreflightError, match="has a back-tick"):
        sql_name("/data/`; DROP TABLE t")
    with pytest.raises(MappingError, match="neither a table name"):
        sql_name("a;b")


@pytest.mark.parametrize(
    ("location", "written"),
    [
        ("/data/state/", call.save("/data/state/runs")),
        ("main.state", call.saveAsTable("`main`.`state`.`runs`")),
    ],
)
def test_a_state_location_is_a_folder_or_a_schema(location, written):
    """A folder is a path, a schema is not."""
    frame = Mock()
    writer = frame.write.format.return_value.mode.return_value.option.return_value
    State(location).append(frame, "runs")
    assert writer.mock_calls == [written]
