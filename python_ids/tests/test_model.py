from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from anchorlog_ids.features import FEATURE_NAMES, FEATURE_SET_SHA256
from anchorlog_ids.model import FlowModel, ModelError
from anchorlog_ids.train import load_samples, train
from ids_support import CAPTURES, load_captures

PROJECT = CAPTURES.parent.parent
MODEL_PATH = PROJECT / "src" / "anchorlog_ids" / "data" / "flow_model.onnx"


def test_metadata_names_features_threshold_and_training_data() -> None:
    info = FlowModel.packaged().info
    assert info.feature_set_sha256 == FEATURE_SET_SHA256
    assert 0.5 < info.threshold < 1
    labelled = [capture for capture in load_captures() if capture.label != "none"]
    assert info.training == {
        capture.path.name: hashlib.sha256(capture.path.read_bytes()).hexdigest()
        for capture in labelled
    }


def test_card_is_of_this_model() -> None:
    card = (PROJECT / "MODEL_CARD.md").read_text()
    assert hashlib.sha256(MODEL_PATH.read_bytes()).hexdigest() in card
    assert "held out" in card


def test_no_feature_names_an_identity() -> None:
    forbidden = ("ip", "mac", "port", "ttl", "time", "address")
    allowed = {"source_ports_log", "mac_addresses_log"}
    for name in set(FEATURE_NAMES) - allowed:
        assert not set(forbidden) & set(name.split("_")), name


def test_scores_do_not_depend_on_company() -> None:
    model = FlowModel.packaged()
    rows = [row for sample in load_samples(CAPTURES) for row in sample.rows.tolist()]
    together = model.scores(rows)
    assert together == [model.scores([row])[0] for row in rows]
    assert all(0.0 <= score <= 1.0 for score in together)
    assert model.scores([]) == []


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 100])
def test_a_broken_model_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        FlowModel(path)


def test_a_model_of_other_features_is_refused(tmp_path: Path) -> None:
    data = MODEL_PATH.read_bytes()
    path = tmp_path / "other.onnx"
    path.write_bytes(data.replace(FEATURE_SET_SHA256.encode(), b"0" * 64))
    with pytest.raises(ModelError, match="another feature set"):
        FlowModel(path)


@pytest.mark.train
def test_training_again_gives_the_same_model_and_parity(tmp_path: Path) -> None:
    from anchorlog_ids import train as training

    train(captures=CAPTURES, model_path=tmp_path / "m.onnx", card_path=tmp_path / "card.md")
    assert (tmp_path / "m.onnx").read_bytes() == MODEL_PATH.read_bytes()
    assert (tmp_path / "card.md").read_text() == (PROJECT / "MODEL_CARD.md").read_text()
    labels = json.loads((CAPTURES / "labels.json").read_text())
    samples = [s for s in load_samples(CAPTURES) if labels[s.name]["label"] != "none"]
    fitted = training._fit(samples)
    model = FlowModel(tmp_path / "m.onnx")
    for sample in samples:
        ours = np.asarray(model.scores(sample.rows.tolist()))
        assert np.abs(ours - fitted.predict_proba(sample.rows)[:, 1]).max() < 1e-5
