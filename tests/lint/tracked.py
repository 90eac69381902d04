"""What must not be in the repository, and what must be there with what is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from project import ROOT, Findings, line_of

# Folders that are one machine's or one person's: where this checkout stands, and homes.
_SHARED_FOLDERS = {"/", "/opt", "/srv", "/tmp", "/usr/src", "/var/tmp"}
_MACHINE_FOLDERS = [
    r"/root", r"/Users/\w+", r"/home/[a-z]\w*",
    *(re.escape(folder) for folder in {str(ROOT.parent)} - _SHARED_FOLDERS),
]
_MACHINE_PATH = re.compile(r"(?<![\w.$})-])(?:" + "|".join(_MACHINE_FOLDERS) + ")/")
_PRIVATE_KEY = re.compile(r"BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY")
_SECRET_MEMBER = re.compile(
    r"(?:private|secret)_?key[\"']?\s*[:=]\s*[\"'](?:0x)?[0-9a-f]{64}[\"']", re.IGNORECASE
)
_KEY_SUFFIXES = {".key", ".p12", ".pfx", ".jks"}
_CAPTURE_SUFFIXES = {".pcap", ".pcapng", ".cap"}
_PUBLIC_REGISTRY = "https://registry.npmjs.org/"
_INDEX = re.compile(
    r"^\s*(?:--(?:extra-)?index-url|--find-links|--trusted-host|-i\s|-f\s).*$", re.MULTILINE
)
_CODE = re.compile(r"^```.*?^```|^ {4}.*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"(?<![\w/.-])make ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def machine_paths(path: str, text: str) -> Findings:
    return [
        f"{path}:{line_of(text, m.start())}: a path of one machine: {m.group()}"
        for m in _MACHINE_PATH.finditer(text)
    ]


def private_keys(path: str, text: str) -> Findings:
    return [
        f"{path}:{line_of(text, m.start())}: a private key"
        for pattern in (_PRIVATE_KEY, _SECRET_MEMBER)
        for m in pattern.finditer(text)
    ]


def key_files(paths: Iterable[str]) -> Findings:
    return [
        f"{path}:1: a key file" for path in paths if PurePosixPath(path).suffix in _KEY_SUFFIXES
    ]


def registries(path: str, text: str) -> Findings:
    """Lock and requirement files name no package server but the public one."""
    name = PurePosixPath(path).name
    if name == "package-lock.json":
        packages = json.loads(text).get("packages", {})
        return [
            f"{path}:1: {key} comes from {package['resolved']}"
            for key, package in packages.items()
            if not package.get("resolved", _PUBLIC_REGISTRY).startswith(_PUBLIC_REGISTRY)
        ]
    if name.startswith("requirements") and name.endswith(".txt"):
        return [
            f"{path}:{line_of(text, m.start())}: names a package server"
            for m in _INDEX.finditer(text)
        ]
    return []


def pinned(path: str, text: str) -> Findings:
    """Every requirement has one version and a hash, every npm dependency one version."""
    name = PurePosixPath(path).name
    findings = []
    if name.startswith("requirements") and name.endswith(".txt"):
        joined = text.replace("\\\n", " ")
        for line in joined.splitlines():
            wanted = line.split(" #")[0].strip()
            if wanted and not wanted.startswith(("#", "-")):
                if "==" not in wanted or "--hash=sha256:" not in wanted:
                    findings.append(f"{path}:1: not pinned with a hash: {wanted[:60]}")
    if name == "package.json":
        package = json.loads(text)
        for group in ("dependencies", "devDependencies"):
            for dependency, version in package.get(group, {}).items():
                if not re.fullmatch(r"\d+\.\d+\.\d+", version):
                    findings.append(f"{path}:1: not pinned: {dependency} {version}")
    return findings


def captures(paths: Iterable[str], texts: Mapping[str, str]) -> Findings:
    """A capture of someone else's is named, with its licence, beside it or above it."""
    known = set(paths)
    findings = []
    for path in sorted(known):
        file = PurePosixPath(path)
        if file.suffix not in _CAPTURE_SUFFIXES:
            continue
        notices = [f"{folder}/SOURCES.md" for folder in file.parents]
        notice = next((n for n in notices if n in known), None)
        if notice is None:
            findings.append(f"{path}:1: no SOURCES.md beside or above it")
            continue
        folder = PurePosixPath(notice).parent
        relative = str(file.relative_to(folder))
        if relative not in texts[notice]:
            findings.append(f"{path}:1: {notice} does not name {relative}")
        if not any(other.startswith(f"{folder}/LICENSES/") for other in known):
            findings.append(f"{path}:1: no licence text in {folder}/LICENSES")
    return findings


def make_targets(path: str, text: str, makefile: str) -> Findings:
    """Every `make X` that a page tells the reader to type exists."""
    targets = set(_TARGET.findall(makefile))
    findings = []
    for block in _CODE.finditer(text):
        for command in _MAKE.finditer(block.group()):
            for target in command.group(1).split():
                if target not in targets:
                    line = line_of(text, block.start() + command.start())
                    findings.append(f"{path}:{line}: the Makefile has no target {target}")
    return findings
