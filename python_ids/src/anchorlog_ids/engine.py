"""Packets in, findings out: flows, rules, the model, and one incident per attack."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from .alert import Json
from .capture import Frame
from .clock import rfc3339
from .community_id import community_id
from .detectors import MINUTE_US, Detection, all_detectors
from .features import flow_features
from .flow import Flow, FlowTable
from .incident import Incident, IncidentKey, IncidentTable
from .model import FlowModel
from .packet import PROTO_ICMP, PROTO_ICMP6, PROTO_TCP, PROTO_UDP, address_text, parse_frame
from .window import RateWindow

ANOMALOUS_FLOWS: Final = 20
SEVERITY_LOW: Final = 3
_ANOMALY: Final = "anomaly.device"
_PROTO_NAMES: Final = {PROTO_ICMP: "icmp", PROTO_TCP: "tcp", PROTO_UDP: "udp", PROTO_ICMP6: "icmp6"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What becomes an alert. `ts_us` is the time of the packets, as the capture claims it."""

    ts_us: int
    alert_type: str
    confidence: float
    severity: int
    summary: Json


class Engine:
    """Not thread-safe. The same frames give the same findings: no clock, no randomness here.

    `flow_alerts` adds one low-severity finding per ended flow: `anomaly.flow` if the model
    scores it over its threshold, else `policy.flow_observed`. TCP with one of `own_endpoints`
    (packed address, port) is skipped: alerts about delivering alerts would never end.
    """

    def __init__(
        self,
        model: FlowModel | None,
        *,
        flow_alerts: bool = False,
        own_endpoints: frozenset[tuple[bytes, int]] = frozenset(),
    ) -> None:
        self._model = model
        self._own_endpoints = own_endpoints
        self._flow_alerts = flow_alerts
        self._flows = FlowTable()
        self._detectors = all_detectors()
        self._incidents = IncidentTable()
        self._anomalous = RateWindow[bytes](MINUTE_US, 64)
        self._last: dict[IncidentKey, tuple[Detection, str]] = {}
        self._now_us = 0
        self.packets = 0
        self.unparsed = 0
        self.flows_ended = 0
        self.incidents: Counter[str] = Counter()

    @property
    def flows_evicted(self) -> int:
        return self._flows.evicted

    def process(self, frame: Frame) -> list[Finding]:
        self.packets += 1
        packet = parse_frame(frame.data, frame.ts_us, frame.wire_bytes, frame.linktype)
        if packet is None:
            self.unparsed += 1
            return []
        if self._own_endpoints and packet.proto == PROTO_TCP:
            ends = {(packet.src, packet.sport), (packet.dst, packet.dport)}
            if ends & self._own_endpoints:
                return []
        # Captures run backward at times; windows and expiry only ever go forward.
        self._now_us = max(self._now_us, packet.ts_us)
        flow, ended = self._flows.add(packet, self._now_us)
        findings = self._on_ended(ended)
        for detector in self._detectors:
            detection = detector(packet, self._now_us)
            if detection is not None:
                findings += self._on_detection(detection, "rule", packet.ts_us, flow)
        return findings

    def tick(self, now_us: int) -> list[Finding]:
        """Live capture calls it by the clock, so that flows and incidents end without packets."""
        self._now_us = max(self._now_us, now_us)
        findings = self._on_ended(self._flows.expire(self._now_us))
        return findings + self._closed(self._incidents.expire(self._now_us))

    def finish(self) -> list[Finding]:
        """End of the capture: every flow and incident ends."""
        findings = self._on_ended(self._flows.drain())
        return findings + self._closed(self._incidents.drain())

    def _score(self, flow: Flow | None) -> float | None:
        if self._model is None or flow is None:
            return None
        return self._model.scores([flow_features(flow)])[0]

    def _on_detection(
        self, detection: Detection, engine: str, ts_us: int, flow: Flow | None
    ) -> list[Finding]:
        """`engine` is `rule` or `ml`: which of them fired; `both` if the model joins a rule."""
        key = (detection.alert_type, detection.subject)
        state, incident, closed = self._incidents.observe(key, detection.source, self._now_us)
        findings = self._closed(closed)
        if state is None:
            self._last[key] = (detection, self._last[key][1])
            return findings
        if state == "open":
            self.incidents[detection.alert_type] += 1
        score = self._score(flow)
        if engine == "rule" and self._is_over(score):
            engine = "both"
        self._last[key] = (detection, engine)
        summary = self._detection_summary(detection, state, incident, engine)
        summary |= self._model_summary(score)
        if flow is not None:
            summary["flow"] = flow_summary(flow)
        confidence = max(detection.confidence, score or 0.0)
        self._incidents.alerted(incident, self._now_us)
        findings.append(
            Finding(ts_us, detection.alert_type, confidence, detection.severity, summary)
        )
        return findings

    def _closed(self, incidents: list[Incident]) -> list[Finding]:
        """An incident that swallowed detections since its last alert says how many."""
        findings = []
        for incident in incidents:
            detection, engine = self._last.pop(incident.key)
            if incident.suppressed == 0:
                continue
            summary = self._detection_summary(detection, "closed", incident, engine)
            findings.append(
                Finding(
                    incident.last_us,
                    detection.alert_type,
                    detection.confidence,
                    detection.severity,
                    summary,
                )
            )
        return findings

    def _on_ended(self, flows: list[Flow]) -> list[Finding]:
        if not flows:
            return []
        self.flows_ended += len(flows)
        scores = self._model.scores([flow_features(flow) for flow in flows]) if self._model else []
        findings: list[Finding] = []
        for index, flow in enumerate(flows):
            score = scores[index] if scores else None
            is_anomalous = self._is_over(score)
            if is_anomalous:
                findings += self._on_anomalous(flow, score or 0.0)
            if self._flow_alerts:
                findings.append(self._flow_finding(flow, score, is_anomalous))
        return findings

    def _on_anomalous(self, flow: Flow, score: float) -> list[Finding]:
        """Many flows of one source over the threshold, and no rule explains them."""
        count = self._anomalous.add(flow.src, self._now_us)
        if count < ANOMALOUS_FLOWS or self._incidents.is_open_for(flow.src, besides=_ANOMALY):
            return []
        detection = Detection(
            _ANOMALY, (flow.src,), flow.src, None, count, ANOMALOUS_FLOWS, 60, score,
            SEVERITY_LOW, (),
        )  # fmt: skip
        return self._on_detection(detection, "ml", flow.last_us, flow)

    def _flow_finding(self, flow: Flow, score: float | None, is_anomalous: bool) -> Finding:
        summary: Json = {
            "engine": "rule" if score is None else "ml",
            "flow": flow_summary(flow),
            "sev": SEVERITY_LOW,
            "suppressed": 0,
        }
        if self._model is not None:
            summary |= self._model_summary(score) | {"thr": {"score": self._model.info.threshold}}
        kind = "anomaly.flow" if is_anomalous else "policy.flow_observed"
        return Finding(flow.last_us, kind, score or 0.0, SEVERITY_LOW, summary)

    def _detection_summary(
        self, detection: Detection, state: str, incident: Incident, engine: str
    ) -> Json:
        window: Json = {
            "count": detection.count,
            "len_s": detection.window_s,
            "source": address_text(detection.source),
        }
        if detection.target is not None:
            window["target"] = address_text(detection.target)
        summary: Json = {
            "attack": list(detection.attack),
            "engine": engine,
            "incident": state,
            "sev": detection.severity,
            "suppressed": incident.suppressed,
            "thr": self._thresholds(detection.threshold),
            "window": window,
        }
        return summary

    def _thresholds(self, count: int) -> Json:
        if self._model is None:
            return {"count": count}
        return {"count": count, "score": self._model.info.threshold}

    def _model_summary(self, score: float | None) -> Json:
        if self._model is None or score is None:
            return {}
        info = self._model.info
        model: Json = {
            "fset": info.feature_set_sha256,
            "id": info.model_id,
            "score": round(score, 4),
            "sha256": info.sha256,
        }
        return {"model": model}

    def _is_over(self, score: float | None) -> bool:
        return self._model is not None and score is not None and score >= self._model.info.threshold


def flow_summary(flow: Flow) -> Json:
    """The flow as alerts show it: no payload, ever."""
    return {
        "bytes": list(flow.wire_bytes),
        "community_id": community_id(flow.proto, flow.src, flow.dst, flow.sport, flow.dport),
        "dst_ip": address_text(flow.dst),
        "dst_port": flow.dport,
        "dur_ms": flow.duration_us // 1000,
        "pkts": list(flow.packets),
        "proto": _PROTO_NAMES.get(flow.proto, str(flow.proto)),
        "src_ip": address_text(flow.src),
        "src_port": flow.sport,
        "start": rfc3339(flow.first_us),
    }
