"""The model's features of a flow: the one extractor for training and for serving.

No address, MAC, port number, time of day or TTL is a feature: a model would learn the capture
by heart. Counts enter as logarithms, so one heavy capture does not set the scale.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final

from .flow import Flow
from .packet import PROTO_ICMP, PROTO_ICMP6, PROTO_TCP, PROTO_UDP, TCP_FIN, TCP_RST, TCP_SYN

FEATURE_NAMES: Final[tuple[str, ...]] = (
    "duration_log_ms",
    "packets_out_log",
    "packets_in_log",
    "payload_out_log",
    "payload_in_log",
    "payload_out_mean",
    "payload_in_mean",
    "packets_per_s_log",
    "gap_max_log_ms",
    "is_tcp",
    "is_udp",
    "is_icmp",
    "is_answered",
    "syn_out",
    "fin_seen",
    "rst_in",
    "source_flows_log",
    "source_targets_log",
    "source_ports_log",
    "source_answered_ratio",
    "mac_addresses_log",
)

FEATURE_SET_SHA256: Final = hashlib.sha256("\n".join(FEATURE_NAMES).encode()).hexdigest()


def flow_features(flow: Flow) -> list[float]:
    """One row in the order of FEATURE_NAMES; all finite, all ≥ 0."""
    duration_ms = flow.duration_us / 1000
    out, back = flow.packets
    context = flow.context
    return [
        math.log1p(duration_ms),
        math.log1p(out),
        math.log1p(back),
        math.log1p(flow.payload_bytes[0]),
        math.log1p(flow.payload_bytes[1]),
        flow.payload_bytes[0] / out if out else 0.0,
        flow.payload_bytes[1] / back if back else 0.0,
        math.log1p((out + back) / max(duration_ms / 1000, 0.001)),
        math.log1p(flow.gap_us_max / 1000),
        float(flow.proto == PROTO_TCP),
        float(flow.proto == PROTO_UDP),
        float(flow.proto in (PROTO_ICMP, PROTO_ICMP6)),
        float(back > 0),
        float(bool(flow.tcp_flags[0] & TCP_SYN)),
        float(bool((flow.tcp_flags[0] | flow.tcp_flags[1]) & TCP_FIN)),
        float(bool(flow.tcp_flags[1] & TCP_RST)),
        math.log1p(context.flows),
        math.log1p(context.targets),
        math.log1p(context.ports),
        context.answered / context.flows if context.flows else 1.0,
        math.log1p(context.mac_addresses),
    ]
