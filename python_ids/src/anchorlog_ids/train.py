"""Builds the flow model and its card from the committed captures; the same input, the same bytes.

Evaluation holds out whole captures. A random split of rows would put near-copies of the same
attack on both sides and measure memory; no such figure is computed here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .capture import read_capture
from .engine import Engine
from .features import FEATURE_NAMES, FEATURE_SET_SHA256, flow_features
from .flow import Flow, FlowTable
from .packet import parse_frame

MODEL_ID: Final = "flow-gb-1"
THRESHOLD: Final = 0.9
TREES: Final = 40
DEPTH: Final = 3
LEARNING_RATE: Final = 0.1
SEED: Final = 1
_IR_VERSION: Final = 8
_OPSET: Final = 17
_OPSET_ML: Final = 3
_BENIGN: Final = "benign"
_ATTACK: Final = "attack"

Array = npt.NDArray[np.float32]


class TrainError(Exception):
    """Training cannot be done here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One capture: its ended flows as rows, and what the rules alone said of it."""

    name: str
    sha256: str
    label: str
    family: str
    rows: Array
    rule_incidents: dict[str, int]


def train(
    *, captures: Path | None = None, model_path: Path | None = None, card_path: Path | None = None
) -> str:
    """Writes model and card; returns one line that says what was written."""
    package = Path(__file__).resolve().parent
    project = package.parent.parent
    captures = captures or project / "data" / "captures"
    model_path = model_path or package / "data" / "flow_model.onnx"
    card_path = card_path or project / "MODEL_CARD.md"
    if not (captures / "labels.json").is_file():
        raise TrainError(f"{captures}: no labels.json; give the captures with --captures")
    try:
        import onnx  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        raise TrainError(f"{error.name} is missing: install the `train` extra") from error
    samples = load_samples(captures)
    labelled = [sample for sample in samples if sample.label in (_ATTACK, _BENIGN)]
    data = to_onnx(_fit(labelled), {sample.name: sample.sha256 for sample in labelled})
    held_out = {sample.name: _held_out_scores(sample, labelled) for sample in labelled}
    model_path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    card_path.write_text(_card(samples, held_out, digest, len(data)), encoding="utf-8")
    return f"{model_path.name} {digest} ({len(data)} bytes), {card_path.name}"


def load_samples(captures: Path) -> list[Sample]:
    labels: dict[str, dict[str, str]] = json.loads((captures / "labels.json").read_text())
    return [
        _load_sample(captures / name, entry["label"], entry.get("family", ""))
        for name, entry in sorted(labels.items())
    ]


def _load_sample(path: Path, label: str, family: str) -> Sample:
    engine = Engine(None)
    table = FlowTable()
    flows: list[Flow] = []
    now_us = 0
    for frame in read_capture(path):
        engine.process(frame)
        packet = parse_frame(frame.data, frame.ts_us, frame.wire_bytes, frame.linktype)
        if packet is not None:
            now_us = max(now_us, packet.ts_us)
            flows += table.add(packet, now_us)[1]
    flows += table.drain()
    rows = np.asarray([flow_features(flow) for flow in flows], dtype=np.float32)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Sample(path.name, digest, label, family, rows, dict(engine.incidents))


def _fit(samples: list[Sample]) -> Any:
    """Each capture weighs the same, however many flows it has."""
    from sklearn.ensemble import GradientBoostingClassifier

    rows = np.concatenate([sample.rows for sample in samples])
    truth = np.concatenate([_truth(sample) for sample in samples])
    weights = np.concatenate(
        [np.full(len(sample.rows), 1.0 / len(sample.rows)) for sample in samples]
    )
    weights *= len(rows) / weights.sum()
    model = GradientBoostingClassifier(
        n_estimators=TREES, max_depth=DEPTH, learning_rate=LEARNING_RATE, random_state=SEED
    )
    return model.fit(rows, truth, sample_weight=weights)


def _truth(sample: Sample) -> npt.NDArray[np.int64]:
    return np.full(len(sample.rows), int(sample.label == _ATTACK), dtype=np.int64)


def _held_out_scores(sample: Sample, samples: list[Sample]) -> Array:
    others = [other for other in samples if other.name != sample.name]
    scores: Array = _fit(others).predict_proba(sample.rows)[:, 1]
    return scores


def to_onnx(model: Any, training: dict[str, str]) -> bytes:
    """One TreeEnsembleRegressor and one Sigmoid. Thresholds are rounded toward minus infinity
    to float32, so that a float32 row takes the branch it took in training."""
    from onnx import TensorProto, helper

    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes",
            "nodes_truenodeids", "nodes_falsenodeids", "target_treeids", "target_nodeids",
            "target_ids", "target_weights",
        )
    }  # fmt: skip
    for tree_id, (estimator,) in enumerate(model.estimators_):
        _append_tree(columns, tree_id, estimator.tree_, model.learning_rate)
    prior = float(model.init_.class_prior_[1])
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["margin"],
        domain="ai.onnx.ml",
        n_targets=1,
        post_transform="NONE",
        base_values=[float(np.log(prior / (1 - prior)))],
        **columns,
    )
    graph = helper.make_graph(
        [ensemble, helper.make_node("Sigmoid", ["margin"], ["score"])],
        MODEL_ID,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(FEATURE_NAMES)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _OPSET_ML)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    metadata = {
        "feature_names": json.dumps(FEATURE_NAMES),
        "feature_set_sha256": FEATURE_SET_SHA256,
        "model_id": MODEL_ID,
        "threshold": repr(THRESHOLD),
        "training": json.dumps(training, sort_keys=True),
    }
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    data: bytes = proto.SerializeToString(deterministic=True)
    return data


def _append_tree(
    columns: dict[str, list[Any]], tree_id: int, tree: Any, learning_rate: float
) -> None:
    for node in range(tree.node_count):
        is_leaf = tree.children_left[node] == -1
        threshold = 0.0 if is_leaf else _float32_below(float(tree.threshold[node]))
        columns["nodes_treeids"].append(tree_id)
        columns["nodes_nodeids"].append(node)
        columns["nodes_featureids"].append(0 if is_leaf else int(tree.feature[node]))
        columns["nodes_values"].append(threshold)
        columns["nodes_modes"].append("LEAF" if is_leaf else "BRANCH_LEQ")
        columns["nodes_truenodeids"].append(0 if is_leaf else int(tree.children_left[node]))
        columns["nodes_falsenodeids"].append(0 if is_leaf else int(tree.children_right[node]))
        if is_leaf:
            columns["target_treeids"].append(tree_id)
            columns["target_nodeids"].append(node)
            columns["target_ids"].append(0)
            columns["target_weights"].append(learning_rate * float(tree.value[node].item()))


def _float32_below(value: float) -> float:
    rounded = np.float32(value)
    if float(rounded) > value:
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded)


def _card(samples: list[Sample], held_out: dict[str, Array], digest: str, size: int) -> str:
    rows = [
        f"| {sample.name} | {sample.label} | {len(sample.rows)} | "
        f"{_held_out_cell(sample, held_out)} | {_rules_cell(sample)} |"
        for sample in samples
    ]
    attacks = [s for s in samples if s.label == _ATTACK]
    recalls = [_flagged(held_out[s.name]) / len(s.rows) for s in attacks]
    alarms = [_flagged(held_out[s.name]) / len(s.rows) for s in samples if s.label == _BENIGN]
    caught = sum(sample.family in sample.rule_incidents for sample in attacks)
    return _CARD.format(
        model_id=MODEL_ID,
        digest=digest,
        size=size,
        trees=TREES,
        depth=DEPTH,
        threshold=THRESHOLD,
        feature_count=len(FEATURE_NAMES),
        features=", ".join(f"`{name}`" for name in FEATURE_NAMES),
        feature_set=FEATURE_SET_SHA256,
        table="\n".join(rows),
        recall=f"{100 * sum(recalls) / len(recalls):.1f} %",
        false_alarms=f"{100 * sum(alarms) / len(alarms):.1f} %",
        caught=caught,
        attacks=len(attacks),
        hashes="\n".join(f"- `{s.name}` {s.sha256}" for s in samples if s.label != "none"),
    )


def _flagged(scores: Array) -> int:
    return int((scores >= THRESHOLD).sum())


def _held_out_cell(sample: Sample, held_out: dict[str, Array]) -> str:
    if sample.name not in held_out:
        return "not used"
    scores = held_out[sample.name]
    share = 100 * _flagged(scores) / len(scores)
    return f"{_flagged(scores)} ({share:.1f} %), median score {float(np.median(scores)):.3f}"


def _rules_cell(sample: Sample) -> str:
    counts = sorted(sample.rule_incidents.items())
    return ", ".join(f"{kind} {count}" for kind, count in counts) or "none"


_CARD: Final = """\
# Model card: {model_id}

Written by `anchorlog-ids train`; do not edit. SHA-256 of the model `{digest}`, {size} bytes.

- **What**: gradient-boosted trees ({trees} trees, depth {depth}) that score one ended flow; ONNX,
  one ensemble node and a sigmoid. Score ≥ {threshold} counts as anomalous.
- **Use**: a second opinion beside the rules. It raises `anomaly.device` (low severity) when twenty
  flows of one source within a minute are anomalous and no rule explains them, and turns the engine
  of a rule's alert from `rule` into `both`. It never silences a rule.
- **Not for**: deciding alone. The score is not a calibrated probability.
- **Features** ({feature_count}): {features}. No address, MAC, port number, time of day or TTL.
  Feature set SHA-256 `{feature_set}`.

## Held-out captures

Each labelled capture is scored by a model trained on the others, each capture weighted the same.
There is no split by rows: it would put near-copies of one attack on both sides.

| capture | label | flows | flows flagged when held out | rules alone: incidents |
|---|---|---|---|---|
{table}

Mean over held-out attack captures: **{recall} of flows flagged**. Mean over held-out benign
captures: **{false_alarms} of flows flagged**. Rules alone, same captures: {caught} of {attacks}
attacks give an incident of the right family.

How to read it: every attack capture is the only one of its family, so holding it out asks the
model for a family it never saw, and two benign captures cannot stand for benign traffic. These
figures are directions, not a benchmark; the rules were written with these captures at hand, so
their column is a regression check, not a measurement. Expect false alarms on networks unlike
these until the model is trained on more captures of more devices.

## Training data

{hashes}
"""
