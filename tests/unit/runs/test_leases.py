"""What a lease says about the process that holds it, seen from this process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from delta_neo4j.graph.registry import Holder
from delta_neo4j.runs.leases import birth, is_gone

HERE = Holder("mine", "host", 1, "boot/space/100")


@pytest.mark.parametrize(
    ("holder", "born", "gone"),
    [
        (Holder("r", "host", 7, "boot/space/70"), "boot/space/70", False),
        (Holder("r", "host", 7, "boot/space/70"), None, True),
        (Holder("r", "host", 7, "boot/space/70"), "boot/space/99", True),  # another process has its number now
        (Holder("r", "host", 7, "boot/space/70"), "", False),  # the system hides it
        (Holder("r", "elsewhere", 7, "boot/space/70"), None, False),
        (Holder("r", "host", 7, "boot/container/70"), None, False),
        (Holder("r", "host", 7, "earlier/space/70"), None, False),
    ],
)
def test_a_process_is_gone_only_if_this_machine_would_know_it(holder, born, gone):
    """The same host, start and name space, and no such process, or one that started at another time."""
    assert is_gone(holder, HERE, born) is gone


def test_where_the_system_tells_no_more_the_number_decides():
    """Without /proc a process that runs counts as the holder."""
    holder, here = Holder("r", "host", 7, ""), Holder("mine", "host", 1, "")
    assert is_gone(holder, here, None)
    assert not is_gone(holder, here, "")


def test_a_process_is_told_from_one_that_ended():
    """Also before its parent has taken notice of the end."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    born = birth(child.pid)
    assert born is not None
    assert born == birth(child.pid)
    assert not born or born != birth(os.getpid())
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert birth(child.pid) is None or not born
    child.wait()
    assert birth(child.pid) is None
