from __future__ import annotations

import numpy as np
import pytest

from delta_neo4j.embedding.minilm import engines
from delta_neo4j.embedding.minilm.weights import ModelError, minilm_folder


@pytest.fixture
def served():
    """Return the served model's module, which is written for MLflow."""
    from delta_neo4j.embedding.minilm import served

    return served


@pytest.fixture
def exported(monkeypatch):
    """Skip the export; return the dict whose `worst` is the worst cosine."""
    found = {}
    monkeypatch.setattr(engines, "export", lambda _, folder: folder.mkdir())
    monkeypatch.setattr(engines, "worst_cosine", lambda *_: found["worst"])
    return found


@pytest.mark.needs_model
def test_openvino_is_taken_when_every_vector_is_torchs(exported):
    """From a worst cosine of 0.9999 on the graph is what is logged, and only while it is being logged."""
    exported["worst"] = 0.9999
    with engines.prepared("openvino") as chosen:
        assert chosen.name == "openvino"
        assert chosen.folder.is_dir()
    assert not chosen.folder.exists()


@pytest.mark.needs_model
@pytest.mark.parametrize("worst", [0.99989, float("nan")])
def test_openvino_is_refused_when_one_vector_is_not_torchs(exported, worst):
    """Below the bound torch is logged, and the reason has the worst cosine."""
    exported["worst"] = worst
    with engines.prepared("openvino") as chosen:
        assert (chosen.name, chosen.folder) == ("torch", minilm_folder())
        assert chosen.reason == f"OpenVINO is refused, torch is taken: worst cosine {worst:.6f}, wanted ≥ 0.9999"


def test_an_engine_that_is_not_installed_is_named(monkeypatch):
    """Without its library, the error names what to install."""
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"openvino is not installed: pip install 'delta-neo4j\[openvino\]'"):
        engines.require_known("openvino")


def test_a_server_of_openvino_needs_no_torch():
    """What an OpenVINO model asks a server to install is small."""
    assert not {"torch", "transformers", "sentence-transformers"} & set(engines.REQUIREMENTS["openvino"])


@pytest.mark.needs_model
def test_short_numbers_are_the_same_float32(served):
    """Nine digits tell every float32 from its neighbours, the smallest and the largest included."""
    dice = np.random.default_rng(7)
    some = dice.standard_normal((200, 384)).astype(np.float32) * np.float32(10) ** dice.integers(-40, 10, (200, 384))
    some[0, :6] = [0, -0.0, 1, -1, np.finfo(np.float32).tiny, np.finfo(np.float32).smallest_subnormal]
    assert (np.array(served.short_numbers(some.astype(np.float32)), dtype=np.float32) == some.astype(np.float32)).all()
    unit = dice.standard_normal((200, 384)).astype(np.float32) / np.float32(20)
    printed = [repr(number) for row in served.short_numbers(unit) for number in row]
    assert max(len(text.lstrip("-0.").partition("e")[0].replace(".", "")) for text in printed) <= 9


@pytest.mark.needs_model
def test_forward_passes_are_of_like_lengths_and_leave_nothing_out(served):
    """Every text is in one pass; passes are padded to at most 1,024 tokens, the longest come first."""
    lengths = [int(length) for length in np.random.default_rng(7).integers(2, 257, 500)]
    passes = served._passes(lengths)
    assert sorted(member for members in passes for member in members) == list(range(500))
    assert all(len(members) * max(lengths[member] for member in members) <= 1_024 for members in passes)
    assert sum(len(members) * lengths[members[0]] for members in passes) < 1.05 * sum(lengths)
    assert served._passes([]) == []


@pytest.mark.needs_model
def test_a_text_longer_than_a_pass_has_one_for_itself(served, monkeypatch):
    """However small the passes are, each has a text."""
    monkeypatch.setattr(served, "_FORWARD_TOKENS", 4)
    assert served._passes([3, 9, 8]) == [[1], [2], [0]]
