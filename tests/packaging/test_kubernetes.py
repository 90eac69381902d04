"""docker/kubernetes.yaml against Kubernetes' own schemas (PyPI kubernetes-validate, offline)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

MANIFEST = Path(__file__).resolve().parents[2] / "docker/kubernetes.yaml"
# The first with ReadWriteOncePod as stable, and the newest whose schemas the package has.
VERSION, NEWEST = "1.29", "1.37"

Json = dict[str, Any]


def documents() -> list[Json]:
    return list(yaml.safe_load_all(MANIFEST.read_text()))


def stateful_set() -> Json:
    found = [document for document in documents() if document["kind"] == "StatefulSet"]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("version", [VERSION, NEWEST])
def test_every_document_is_as_the_schema_has_it(version: str) -> None:
    assert {document["kind"] for document in documents()} >= {"Service", "StatefulSet"}
    for document in documents():
        assert kubernetes_validate.validate(document, version, strict=True) == version


@pytest.mark.parametrize("wrong", ["misspelt", "type", "missing"])
def test_a_wrong_document_is_found(wrong: str) -> None:
    document = copy.deepcopy(stateful_set())
    if wrong == "misspelt":
        document["spec"]["template"]["spec"]["containers"][0]["imagePullPolcy"] = "Always"
    elif wrong == "type":
        document["spec"]["replicas"] = "one"
    else:
        del document["spec"]["serviceName"], document["spec"]["selector"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSION, strict=True)


def test_there_is_one_writer() -> None:
    spec = stateful_set()["spec"]
    assert spec["replicas"] == 1
    claims = [claim["spec"]["accessModes"] for claim in spec["volumeClaimTemplates"]]
    assert claims == [["ReadWriteOncePod"]]


def test_nothing_runs_with_more_rights_than_it_needs() -> None:
    pod = stateful_set()["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in (*pod["initContainers"], *pod["containers"]):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
