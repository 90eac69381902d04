"""Community ID v1: one short name for a flow that Zeek, Suricata and others compute alike."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Final

from .packet import PROTO_ICMP, PROTO_ICMP6, PROTO_TCP, PROTO_UDP

_PROTO_SCTP: Final = 132

# Request and reply types share one ID; a type that is not listed has no reply.
_ICMP_REPLY: Final = {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10}
_ICMP6_REPLY: Final = {
    128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130,
    144: 145, 145: 144, 139: 140, 140: 139,
}  # fmt: skip


def community_id(
    proto: int, src: bytes, dst: bytes, sport: int = 0, dport: int = 0, seed: int = 0
) -> str:
    """For ICMP, `sport` and `dport` are type and code. Other protocols have no ports."""
    has_ports = proto in (PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_ICMP6, _PROTO_SCTP)
    one_way = False
    if proto in (PROTO_ICMP, PROTO_ICMP6):
        reply = (_ICMP_REPLY if proto == PROTO_ICMP else _ICMP6_REPLY).get(sport)
        if reply is None:
            one_way = True
        else:
            dport = reply
    is_ordered = src < dst or (src == dst and sport < dport)
    if not is_ordered and not one_way:
        src, dst, sport, dport = dst, src, dport, sport
    message = struct.pack("!H", seed) + src + dst + struct.pack("!BB", proto, 0)
    if has_ports:
        message += struct.pack("!HH", sport, dport)
    return "1:" + base64.b64encode(hashlib.sha1(message).digest()).decode("ascii")
