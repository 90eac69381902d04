"""Runs: captures or an interface through the engine, findings into the spool, spool to the log."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from .alert import Draft, Json, make_draft
from .capture import LiveCapture, read_capture
from .clock import Sources
from .engine import Engine, Finding
from .model import FlowModel
from .receipts import ReceiptFile
from .session import LogForked, LogTrust, SenderRefused, Session, SessionCounts
from .spool import Spool, SpoolError
from .transport import Endpoint, Sender

GROUP_ALERTS: Final = 256
PACE_GAP_MAX_S: Final = 10.0
_TURN_S: Final = 0.2
_HEALTH_S: Final = 1.0
_SEVERITY_HEALTH: Final = 1
_WAIT_S: Final = 0.02


@dataclass
class RunStats:
    """What one run did; the command prints it. `is_cut`: it was stopped before its input ended,
    by an error or by lack of time (`--limit` is no cut)."""

    is_cut: bool = False
    captures: int = 0
    packets: int = 0
    unparsed: int = 0
    flows: int = 0
    flows_evicted: int = 0
    kernel_drops: int = 0
    incidents: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)

    def add_engine(self, engine: Engine) -> None:
        self.packets += engine.packets
        self.unparsed += engine.unparsed
        self.flows += engine.flows_ended
        self.flows_evicted += engine.flows_evicted
        self.incidents += engine.incidents


class AlertMaker:
    """Findings and health notices of one device to drafts. One batch_id per capture."""

    def __init__(self, device_id: str, sources: Sources) -> None:
        self.device_id = device_id
        self._sources = sources
        self._batch_id = sources.uuid7()

    def begin_batch(self) -> None:
        self._batch_id = self._sources.uuid7()

    def finding(self, finding: Finding, capture: str) -> Draft:
        return make_draft(
            sources=self._sources,
            batch_id=self._batch_id,
            device_id=self.device_id,
            alert_type=finding.alert_type,
            ts_us=finding.ts_us,
            features_summary={**finding.summary, "capture": capture},
            confidence=finding.confidence,
            severity=finding.severity,
        )

    def notice(self, device_id: str, alert_type: str, summary: Json) -> Draft:
        """What happened to the detector itself belongs in the log as well."""
        return make_draft(
            sources=self._sources,
            batch_id=self._batch_id,
            device_id=device_id,
            alert_type=alert_type,
            ts_us=self._sources.now_us(),
            features_summary={**summary, "sev": _SEVERITY_HEALTH},
            confidence=1.0,
            severity=_SEVERITY_HEALTH,
        )


class Delivery:
    """The sender on its own thread, so that a slow log never holds up the capture."""

    def __init__(
        self,
        spool: Spool,
        endpoint: Endpoint,
        maker: AlertMaker,
        sources: Sources,
        trust: LogTrust,
        warn: Callable[[str], None],
        deadline: float | None,
        receipts: ReceiptFile | None = None,
    ) -> None:
        self._receipts = receipts
        self.counts = SessionCounts()
        self.endpoint = endpoint
        self.error: LogForked | SenderRefused | SpoolError | None = None
        self._spool = spool
        self._deadline = deadline
        self._is_finished = threading.Event()
        self._is_aborted = threading.Event()

        def make_session() -> Session:
            self.counts.sessions += 1
            devices = [maker.device_id]
            return Session(
                spool, sources, devices, trust, self.counts, maker.notice, warn, receipts
            )

        self._sender = Sender(endpoint, make_session, warn)
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_stopped(self) -> bool:
        """Nothing more will be delivered, so nothing more need be captured."""
        return self._is_late() or not self._thread.is_alive()

    def finish(self) -> None:
        """No more alerts will come: returns when all are decided, on error, or when late."""
        self._is_finished.set()
        self._thread.join()

    def abort(self) -> None:
        self._is_aborted.set()
        self._thread.join()

    def set_deadline(self, deadline: float) -> None:
        self._deadline = deadline

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _is_done(self) -> bool:
        if self._is_aborted.is_set() or self._is_late():
            return True
        if not self._is_finished.is_set() or self._spool.pending > 0:
            return False
        return self._receipts is None or self._receipts.is_settled

    def _run(self) -> None:
        try:
            self._sender.run(self._is_done)
        except (LogForked, SenderRefused, SpoolError) as error:
            self.error = error


AlertSink = Callable[[list[Draft]], None]


def spool_sink(spool: Spool, device_id: str, is_stopped: Callable[[], bool]) -> AlertSink:
    """Waits while the spool is half full: a replay can wait, so it never drops."""

    def write(drafts: list[Draft]) -> None:
        while spool.is_half_full and not is_stopped():
            time.sleep(_WAIT_S)
        spool.append(device_id, drafts)

    return write


def text_sink(out: TextIO) -> AlertSink:
    """NDJSON of the bodies, without the numbers that only a spool gives."""

    def write(drafts: list[Draft]) -> None:
        for draft in drafts:
            out.write(draft.body.decode() + "\n")

    return write


def replay(
    paths: Iterable[Path],
    *,
    maker: AlertMaker,
    model: FlowModel | None,
    sink: AlertSink,
    flow_alerts: bool = False,
    limit: int | None = None,
    is_realtime: bool = False,
    is_stopped: Callable[[], bool] = lambda: False,
) -> RunStats:
    """Each capture gets its own engine and batch_id; alerts go to `sink` in groups."""
    stats = RunStats()
    left = limit if limit is not None else -1
    for path in paths:
        if left == 0 or stats.is_cut:
            break
        stats.captures += 1
        maker.begin_batch()
        engine = Engine(model, flow_alerts=flow_alerts)
        group: list[Draft] = []
        name = path.name.encode("utf-8", "replace").decode()
        for finding in _findings(engine, path, is_realtime, is_stopped):
            if left == 0:
                break
            left -= 1
            draft = maker.finding(finding, name)
            stats.alerts[draft.alert_type] += 1
            group.append(draft)
            if len(group) >= GROUP_ALERTS or is_realtime:
                sink(group)
                group = []
        if engine.flows_evicted and left != 0:
            summary: Json = {"flows_evicted": engine.flows_evicted, "kernel": 0}
            draft = maker.notice(maker.device_id, "ids.drops", summary)
            stats.alerts[draft.alert_type] += 1
            group.append(draft)
            left -= 1
        sink(group)
        stats.add_engine(engine)
        stats.is_cut = is_stopped()
    return stats


def _findings(
    engine: Engine, path: Path, is_realtime: bool, is_stopped: Callable[[], bool]
) -> Iterable[Finding]:
    previous_us: int | None = None
    for frame in read_capture(path):
        if is_stopped():
            return
        if is_realtime and previous_us is not None:
            gap_s = (frame.ts_us - previous_us) / 1_000_000
            time.sleep(min(max(gap_s, 0.0), PACE_GAP_MAX_S))
        previous_us = frame.ts_us
        yield from engine.process(frame)
    yield from engine.finish()


def live(
    capture: LiveCapture,
    interface: str,
    *,
    maker: AlertMaker,
    sources: Sources,
    model: FlowModel | None,
    sink: AlertSink,
    flow_alerts: bool,
    own_endpoints: frozenset[tuple[bytes, int]],
    is_stopped: Callable[[], bool],
) -> RunStats:
    """Until `is_stopped`: packets, the clock for what ends without packets, and each second the
    kernel's drop counter, because an alert that never was is a loss too."""
    stats = RunStats(captures=1)
    engine = Engine(model, flow_alerts=flow_alerts, own_endpoints=own_endpoints)
    evicted = 0
    next_health = time.monotonic() + _HEALTH_S

    def write(drafts: list[Draft]) -> None:
        stats.alerts.update(draft.alert_type for draft in drafts)
        sink(drafts)

    def notice(alert_type: str, summary: Json) -> None:
        write([maker.notice(maker.device_id, alert_type, summary)])

    notice("ids.start", {"interface": interface, **_model_summary(model)})
    while not is_stopped():
        drafts: list[Draft] = []
        for frame in capture.frames(_TURN_S):
            drafts += [maker.finding(finding, interface) for finding in engine.process(frame)]
        if time.monotonic() >= next_health:
            next_health = time.monotonic() + _HEALTH_S
            found = engine.tick(sources.now_us())
            drafts += [maker.finding(finding, interface) for finding in found]
            drops, evictions = capture.new_drops(), engine.flows_evicted - evicted
            if drops or evictions:
                evicted += evictions
                notice("ids.drops", {"flows_evicted": evictions, "kernel": drops})
        write(drafts)
    write([maker.finding(finding, interface) for finding in engine.finish()])
    notice("ids.stop", {"interface": interface, "packets": engine.packets})
    stats.add_engine(engine)
    stats.kernel_drops = capture.drops_total
    return stats


def _model_summary(model: FlowModel | None) -> Json:
    if model is None:
        return {}
    info = model.info
    return {
        "model": {"fset": info.feature_set_sha256, "id": info.model_id, "sha256": info.sha256},
        "thr": {"score": info.threshold},
    }
