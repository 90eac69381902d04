"""The `anchorlog-ids` command."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

from . import __version__
from .alert import AlertError, Json, check_device_id
from .capture import CaptureError, LiveCapture
from .checkpoint import CheckpointError, LogKey
from .clock import Sources
from .model import FlowModel, ModelError
from .receipts import ReceiptFile
from .runner import AlertMaker, Delivery, RunStats, live, replay, spool_sink, text_sink
from .session import LogForked, LogTrust, SenderRefused
from .spool import SPOOL_BYTES_MAX, Spool, SpoolError
from .transport import Endpoint, TransportConfigError

EXIT_OK: Final = 0
EXIT_SET_ASIDE: Final = 3
EXIT_FORKED: Final = 4
EXIT_UNDELIVERED: Final = 5
EXIT_USAGE: Final = 64
EXIT_IO: Final = 74
EXIT_CONFIG: Final = 78
_DRAIN_AFTER_STOP_S: Final = 5.0

_EXITS: Final = """\
exit status: 0 every alert is durable in the log; 3 all decided, but some were refused for good and
set aside in the spool; 4 the log was rolled back or forked (both notes are in the spool); 5 not all
delivered in time (they stay in the spool); 64 usage; 74 spool; 78 configuration or refused sender
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except LogForked as error:
        _warn(f"ALARM the log was rolled back or forked: {error}")
        return EXIT_FORKED
    except SpoolError as error:
        _warn(str(error))
        return EXIT_IO
    except (
        AlertError,
        CaptureError,
        CheckpointError,
        ModelError,
        SenderRefused,
        TransportConfigError,
    ) as error:
        _warn(str(error))
        return EXIT_CONFIG
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="anchorlog-ids", description=__doc__, epilog=_EXITS)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    replay_parser = commands.add_parser(
        "replay", help="detect in capture files and deliver the alerts", epilog=_EXITS
    )
    replay_parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="none: deliver what the spool holds"
    )
    _add_delivery_options(replay_parser)
    replay_parser.add_argument("--limit", type=_positive, help="stop after N alerts")
    replay_parser.add_argument(
        "--pace", choices=("max", "realtime"), default="max", help="default: max"
    )
    replay_parser.add_argument(
        "--dry-run", action="store_true", help="print alerts as NDJSON, deliver nothing"
    )
    replay_parser.set_defaults(command=_replay)

    live_parser = commands.add_parser("live", help="detect on an interface", epilog=_EXITS)
    live_parser.add_argument("interface", metavar="IFACE")
    _add_delivery_options(live_parser)
    live_parser.set_defaults(command=_live)

    train_parser = commands.add_parser("train", help="rebuild the model and its card")
    train_parser.add_argument("--captures", type=Path, help="default: data/captures of the sources")
    train_parser.add_argument("--model", type=Path, help="default: the packaged model")
    train_parser.add_argument("--card", type=Path, help="default: MODEL_CARD.md of the sources")
    train_parser.set_defaults(command=_train)
    return parser


def _add_delivery_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", type=_host_port, metavar="HOST:PORT")
    parser.add_argument("--server-name", help="name in the log's certificate; default: HOST")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="the only CA trusted")
    parser.add_argument("--cert", type=Path, metavar="FILE")
    parser.add_argument("--key", type=Path, metavar="FILE")
    parser.add_argument("--device", default="ids", metavar="ID", help="device_id of the alerts")
    parser.add_argument("--spool", type=Path, metavar="FILE")
    parser.add_argument("--spool-bytes", type=_positive, default=SPOOL_BYTES_MAX, metavar="N")
    parser.add_argument("--origin", help="the log's identity; default: pinned at first contact")
    parser.add_argument(
        "--vkey", action="append", default=[], help="the log's verifier key; without it no "
        "signature is checked. Before the log's key is changed, give the old and then the new one"
    )
    parser.add_argument(
        "--receipts", type=Path, metavar="FILE", help="keep the log's signed promises there"
    )
    parser.add_argument("--flow-alerts", action="store_true", help="one alert per flow as well")
    parser.add_argument("--no-model", action="store_true", help="rules only")
    parser.add_argument("--timeout-s", type=float, metavar="N", help="give up after N seconds")
    parser.add_argument("--json", action="store_true", help="summary as one JSON object")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r}: expected HOST:PORT")
    return host.strip("[]"), int(port)


def _warn(message: str) -> None:
    print(f"anchorlog-ids: {message}", file=sys.stderr, flush=True)


def _model(args: argparse.Namespace) -> FlowModel | None:
    return None if args.no_model else FlowModel.packaged()


def _open_delivery(
    args: argparse.Namespace, maker: AlertMaker, sources: Sources
) -> tuple[Spool, Delivery]:
    required = ("server", "ca", "cert", "key", "spool")
    missing = [f"--{name}" for name in required if getattr(args, name) is None]
    if missing:
        raise AlertError(f"missing {' '.join(missing)}")
    host, port = args.server
    endpoint = Endpoint(host, port, args.server_name or host, args.ca, args.cert, args.key)
    trust = LogTrust(args.origin, tuple(LogKey.parse(vkey) for vkey in args.vkey))
    if not trust.keys:
        _warn("no --vkey: the log's signatures are not checked, only its history")

    def make_gap(device: str, summary: Json) -> Any:
        return maker.notice(device, "ids.gap", summary)

    spool = Spool(args.spool, make_gap=make_gap, bytes_max=args.spool_bytes)
    deadline = None if args.timeout_s is None else time.monotonic() + args.timeout_s
    try:
        receipts = None if args.receipts is None else ReceiptFile(args.receipts)
        delivery = Delivery(spool, endpoint, maker, sources, trust, _warn, deadline, receipts)
    except TransportConfigError:
        spool.close()
        raise
    return spool, delivery


def _replay(args: argparse.Namespace) -> int:
    sources = Sources()
    maker = AlertMaker(check_device_id(args.device), sources)
    options: Json = {
        "maker": maker,
        "model": _model(args),
        "flow_alerts": args.flow_alerts,
        "limit": args.limit,
        "is_realtime": args.pace == "realtime",
    }
    for path in args.files:
        if not path.is_file():
            raise CaptureError(f"capture {path}: no such file")
    if args.dry_run:
        stats = replay(args.files, sink=text_sink(sys.stdout), **options)
        print(_summary_text(stats, None, None), file=sys.stderr)
        return EXIT_OK
    spool, delivery = _open_delivery(args, maker, sources)
    delivery.start()
    try:
        sink = spool_sink(spool, maker.device_id, lambda: delivery.is_stopped)
        stats = replay(args.files, sink=sink, is_stopped=lambda: delivery.is_stopped, **options)
        delivery.finish()
        return _conclude(args, stats, spool, delivery)
    finally:
        delivery.abort()
        spool.close()


def _live(args: argparse.Namespace) -> int:
    sources = Sources()
    maker = AlertMaker(check_device_id(args.device), sources)
    model = _model(args)
    is_stopping = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal is_stopping
        is_stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with LiveCapture(args.interface) as capture:
        spool, delivery = _open_delivery(args, maker, sources)
        delivery.start()
        try:
            stats = live(
                capture,
                args.interface,
                maker=maker,
                sources=sources,
                model=model,
                sink=lambda drafts: spool.append(maker.device_id, drafts),
                flow_alerts=args.flow_alerts,
                own_endpoints=delivery.endpoint.addresses(),
                is_stopped=lambda: is_stopping or delivery.is_stopped,
            )
            delivery.set_deadline(time.monotonic() + _DRAIN_AFTER_STOP_S)
            delivery.finish()
            return _conclude(args, stats, spool, delivery)
        finally:
            delivery.abort()
            spool.close()


def _conclude(args: argparse.Namespace, stats: RunStats, spool: Spool, delivery: Delivery) -> int:
    if args.json:
        print(json.dumps(_summary(stats, spool, delivery), sort_keys=True))
    else:
        print(_summary_text(stats, spool, delivery))
    if delivery.error is not None:
        raise delivery.error
    if stats.is_cut:
        _warn("stopped before the captures ended")
        return EXIT_UNDELIVERED
    if spool.pending:
        _warn(f"{spool.pending} alerts not delivered in time; they stay in {args.spool}")
        return EXIT_UNDELIVERED
    if delivery.counts.set_aside:
        _warn(f"{delivery.counts.set_aside} alerts refused for good, kept in {args.spool}")
        return EXIT_SET_ASIDE
    return EXIT_OK


def _summary(stats: RunStats, spool: Spool | None, delivery: Delivery | None) -> Json:
    summary: Json = {
        "alerts": dict(sorted(stats.alerts.items())),
        "alerts_total": stats.alerts.total(),
        "captures": stats.captures,
        "flows": stats.flows,
        "flows_evicted": stats.flows_evicted,
        "incidents": dict(sorted(stats.incidents.items())),
        "kernel_drops": stats.kernel_drops,
        "packets": stats.packets,
        "unparsed": stats.unparsed,
    }
    if spool is not None and delivery is not None:
        summary |= {
            "acked": delivery.counts.acked,
            "epochs_opened": delivery.counts.epochs_opened,
            "rejects": dict(sorted(delivery.counts.rejects.items())),
            "sessions": delivery.counts.sessions,
            "set_aside": delivery.counts.set_aside,
            "waiting": spool.pending,
        }
    return summary


def _summary_text(stats: RunStats, spool: Spool | None, delivery: Delivery | None) -> str:
    def listed(counts: dict[str, int]) -> str:
        return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"

    lines = [
        f"captures   {stats.captures}: {stats.packets} packets ({stats.unparsed} not parsed), "
        f"{stats.flows} flows",
        f"incidents  {listed(stats.incidents)}",
        f"alerts     {stats.alerts.total()}: {listed(stats.alerts)}",
    ]
    if spool is not None and delivery is not None:
        counts = delivery.counts
        lines.append(
            f"delivered  {counts.acked} acked, {counts.set_aside} set aside, {spool.pending} "
            f"waiting, {counts.sessions} sessions"
        )
    return "\n".join(lines)


def _train(args: argparse.Namespace) -> int:
    from .train import TrainError, train

    try:
        print(train(captures=args.captures, model_path=args.model, card_path=args.card))
    except TrainError as error:
        _warn(str(error))
        return EXIT_CONFIG
    return EXIT_OK
