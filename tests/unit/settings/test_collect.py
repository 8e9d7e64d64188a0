"""Where settings come from: the order of the origins."""

from __future__ import annotations

from delta_neo4j.settings import collect
from tests.support.dbutils import Dbutils


def test_the_order_is_flag_environment_file_scope_default(tmp_path):
    """The first origin that has a value wins, and the value carries its name."""
    file = tmp_path / "settings.env"
    file.write_text("NEO4J_DATABASE=from-file\nNEO4J_USERNAME=from-file\nNEO4J_HOST=from-file\n")
    found = collect.collect(
        {"state": "from-flag"},
        environment={"STATE_LOCATION": "from-env", "NEO4J_DATABASE": "from-env"},
        env_file=str(file),
        dbutils=Dbutils({"s": {"username": "from-scope", "protocol": "bolt"}}),
        scope="s",
        defaults={"batch_size": 7},
    )
    assert {name: value.value for name, value in found.items()} == {
        "state": "from-flag", "database": "from-env", "username": "from-file", "host": "from-file",
        "protocol": "bolt", "batch_size": 7,
    }  # fmt: skip
    assert found["protocol"].origin == "secret scope s"


def test_a_password_ends_before_the_line_feed_of_its_tool():
    """`echo PASSWORD | databricks secrets put-secret` and a file of Windows add one; blanks may belong to it."""
    stored = collect.collect(
        environment={}, env_file="", dbutils=Dbutils({"s": {"password": " pass word \n"}}), scope="s"
    )
    given = collect.collect(environment={"NEO4J_PASSWORD": " pass word \r"}, env_file="")
    assert stored["password"].value == given["password"].value == " pass word "
