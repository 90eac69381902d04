"""Runs the real programs against each other: gateway, chain, senders, verifier, IDS."""

from .alerts import Alert, make_alert, now_text, sign_alert, uuid7
from .anvil import Anvil
from .chain import Chain
from .evidence import EvidenceFile
from .fault_proxy import Fault, FaultProxy
from .ganache import Ganache
from .gateway import Gateway, MakeGateway
from .ids import Ids
from .log_anchor import LogAnchor
from .merkle import Checkpoint, inclusion_root, leaf_hash, merkle_root, verify_consistency
from .paths import CAPTURES, PYTHON, ROOT, program
from .pki import Identity, Pki
from .process import Child, HarnessError, free_port, stop_all, wait_until
from .sender import Refused, Sender
from .store import Store
from .tally import Tally
from .verifier import Verdict, logverify

__all__ = [
    "CAPTURES",
    "PYTHON",
    "ROOT",
    "Alert",
    "Anvil",
    "Chain",
    "Checkpoint",
    "Child",
    "EvidenceFile",
    "Fault",
    "FaultProxy",
    "Ganache",
    "Gateway",
    "HarnessError",
    "Identity",
    "Ids",
    "LogAnchor",
    "MakeGateway",
    "Pki",
    "Refused",
    "Sender",
    "Store",
    "Tally",
    "Verdict",
    "free_port",
    "inclusion_root",
    "leaf_hash",
    "logverify",
    "make_alert",
    "merkle_root",
    "now_text",
    "program",
    "sign_alert",
    "stop_all",
    "uuid7",
    "verify_consistency",
    "wait_until",
]
