"""The flow model: one ONNX tree ensemble, run by onnxruntime on one thread."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np

from .features import FEATURE_NAMES, FEATURE_SET_SHA256

MODEL_BYTES_MAX: Final = 4 * 1024 * 1024
_PACKAGED: Final = "flow_model.onnx"


class ModelError(Exception):
    """The model cannot be used; the message says which file, why, and what would mend it."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Provenance written into every alert, so that a verifier knows which model said it."""

    model_id: str
    sha256: str
    feature_set_sha256: str
    threshold: float
    training: dict[str, str]


class FlowModel:
    """Scores rows of FEATURE_NAMES: 0 looks benign, 1 looks like the attacks it was shown."""

    def __init__(self, path: Path) -> None:
        import onnxruntime as ort

        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"model {path}: {error.strerror}") from error
        if len(data) > MODEL_BYTES_MAX:
            raise ModelError(f"model {path}: {len(data)} bytes, at most {MODEL_BYTES_MAX} allowed")
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session: Any = ort.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
            meta: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
            names = tuple(json.loads(meta["feature_names"]))
            self.info = ModelInfo(
                meta["model_id"],
                hashlib.sha256(data).hexdigest(),
                meta["feature_set_sha256"],
                float(meta["threshold"]),
                json.loads(meta["training"]),
            )
        except Exception as error:  # onnxruntime raises its own unrelated classes
            raise ModelError(f"model {path}: {error}; rebuild it with `train`") from error
        if names != FEATURE_NAMES or self.info.feature_set_sha256 != FEATURE_SET_SHA256:
            raise ModelError(f"model {path}: made for another feature set; rebuild it with `train`")
        self._input: str = self._session.get_inputs()[0].name

    @classmethod
    def packaged(cls) -> FlowModel:
        with resources.as_file(resources.files(__package__) / "data" / _PACKAGED) as path:
            return cls(path)

    def scores(self, rows: list[list[float]]) -> list[float]:
        if not rows:
            return []
        array = np.asarray(rows, dtype=np.float32)
        (output,) = self._session.run(None, {self._input: array})
        return [min(1.0, max(0.0, float(value))) for value in output.reshape(-1)]
