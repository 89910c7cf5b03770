"""The chart: what it makes of values is what a real API server takes, with no more rights than are used."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import tarfile
import unittest
from typing import Any, ClassVar

from control_plane import CHART, ROOT, ControlPlane
from rights import granted

sys.path.insert(0, str(ROOT / "examples" / "demo"))

from purser_demo.images import operator_image_name  # noqa: E402  (the path above has to come first)

_SMALLEST = {"prometheus": {"url": "http://prometheus:9090", "metric": "agent_cost_usd_total"}}
_DIGEST = "sha256:" + "0123456789abcdef" * 4


def _source(name: str, **fields: object) -> dict[str, Any]:
    return {"name": name, "prometheus": {**_SMALLEST["prometheus"], **fields}}


_EVERYTHING: dict[str, Any] = {
    "prometheus": {
        "url": "https://prometheus.example/prefix",
        "metric": 'cost{team="x"}',
        "match": {"cluster": 'p"rod'},
        "labels": {
            "namespace": {"from": ["team_alias", "ns"], "regex": "svc-(.*)", "default": "x"},
            "agent": "key_alias",
            "model": "m",
            "task": {"default": "t"},
            "workflow": "w",
        },
        "ignoreLabels": ["job"],
        "lateness": "20m",
        "plausiblePerSecond": "0.5",
        "acceptWarnings": ["PromQL info: .*"],
        "scrapeInterval": "30s",
        "interval": "1m",
        "timeout": "2s500ms",
        "backfill": "48h",
        "maxResponseBytes": 67108864,
        "newSeries": "Baseline",
        "auth": {
            "bearerTokenFile": "/run/purser/prometheus/token",
            "tls": {"caFile": "/run/purser/ca/ca.crt", "certFile": "/c", "keyFile": "/k"},
            "headers": {"X-Scope-OrgID": "tenant"},
        },
    },
    "prices": {
        "models": {"gpt-4o": {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05}},
        "unknownModel": {"inputPerMillion": "20", "outputPerMillion": "100"},
    },
    "mounts": [
        {"secret": "prometheus-token", "path": "/run/purser/prometheus"},
        {"configMap": "company-ca", "path": "/run/purser/ca"},
    ],
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "log": {"level": "debug", "format": "text"},
    "image": {"repository": "registry.example:5000/purser", "tag": "1.2.3", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "pull"}],
    "persistence": {"size": "5Gi", "storageClassName": "fast", "accessModes": ["ReadWriteOncePod"]},
    "metrics": {"port": 9102, "annotations": False, "serviceMonitor": {"enabled": True, "labels": {"team": "x"}}},
    "serviceAccount": {"name": "accountant", "annotations": {"example.com/role": "reader"}},
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "podAnnotations": {"example.com/a": "1"},
    "podLabels": {"team": "x"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    ],
    "podSecurityContext": {"supplementalGroups": [1000]},
    "priorityClassName": "system-cluster-critical",
    "fullnameOverride": "purse",
}

_PEER = {"namespaceSelector": {"matchLabels": {"team": "agents"}}}

_VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "smallest": _SMALLEST,
    "everything": _EVERYTHING,
    "no volume": {"persistence": {"enabled": False}},
    "a volume that exists": {"persistence": {"existingClaim": "books"}},
    "no volume, whatever exists": {"persistence": {"enabled": False, "existingClaim": "books"}},
    "an image by digest": {"image": {"tag": "1.2.3", "digest": _DIGEST}},
    "ids that the cluster chooses": {
        "podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None},
        "securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE"]}},
    },
    "the API": {"api": {"enabled": True}, "config": {"sources": [{"name": "default", "usage": True}]}},
    "the API with Secrets of its own": {
        "api": {"enabled": True, "port": 9443, "tlsSecret": "purser-tls", "tokensSecret": "senders", "from": [_PEER]},
        "metrics": {"authenticate": False},
    },
    "webhooks of limits": {
        "config": {
            "limitWebhooks": [
                {"name": "a", "url": "https://gateway:8443/limits", "secretFile": "/run/a/secret"},
                {"name": "b", "url": "http://b", "secretFile": "/s", "caFile": "/ca.crt", "timeout": "2s"},
            ]
        }
    },
    "two namespaces": {"config": {"watchNamespaces": ["team-a", "team-b"]}},
    "namespaces that look like numbers": {"config": {"watchNamespaces": ["1234", "1e3"]}},
    "several sources": {
        "config": {
            "sources": [
                {"name": "default", **_SMALLEST},
                {"name": "other", "prometheus": {**_SMALLEST["prometheus"], "scrapeInterval": "1s"}},
            ]
        }
    },
    "presets": {
        "prometheus": {"url": "http://prometheus:9090", "preset": "litellm", "labels": {"namespace": {"default": "a"}}},
        "prices": {"file": "/run/purser/prices/prices.json"},
    },
    "metrics and tokens": {
        "config": {
            "sources": [
                {"name": "default", "prometheus": {"url": "http://p", "metrics": ["a_total", "b_total"]}},
                {"name": "kinds", "prometheus": {"url": "http://p", "tokens": {"input": "i", "output": "o"}}},
                {
                    "name": "types",
                    "prometheus": {
                        "url": "http://p",
                        "preset": "agentgateway",
                        "metrics": [],
                        "tokens": {"metric": "t", "typeLabel": "gen_ai_token_type"},
                    },
                },
            ]
        }
    },
    "the least and the most": {
        "config": {
            "sources": [
                _source("default", url="https://PROMETHEUS.example.:65535/a%20b/@c/", backfill="9600h"),
                _source("least", scrapeInterval="100ms", interval="1s", timeout="0s100ms", backfill="0s"),
                _source("most", scrapeInterval="1h0m0s", interval="3600s", timeout="5m0s", backfill="34560000s"),
                _source("other", scrapeInterval="60m", interval="1500ms", timeout="90s", backfill="400h60m"),
                _source("plain", url="http://10.0.0.1:1", auth={"tls": {}, "headers": {"X-Authorization": "~ "}}),
            ],
            "leaderElection": {"leaseName": "a.b-c.d"},
        }
    },
    "no hook": {"releaseOnUninstall": {"enabled": False}},
    "no leader election": {"config": {"leaderElection": {"enabled": False}}},
    "rights from elsewhere": {"rbac": {"create": False}, "serviceAccount": {"create": False, "name": "given"}},
    "rights for a given account": {"serviceAccount": {"create": False, "name": "given"}},
    "rights from elsewhere for its own accounts": {"rbac": {"create": False}},
    "admins write": {"rbac": {"aggregateWriteTo": ["admin"]}},
    "no rights for people": {"rbac": {"aggregate": False}},
    "long name": {"fullnameOverride": "a" * 70},
    "a password": {"prometheus": {"auth": {"basic": {"username": "u", "passwordFile": "/p"}}}, "global": {"x": 1}},
}

# Values that must be refused, and what the refusal must name.
_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"promethues": {}}, "'promethues' not allowed"),
    ({"prometheus": {"url": "prometheus:9090"}}, "/prometheus/url"),
    ({"prometheus": {"url": "http://user:secret@prometheus:9090"}}, "/prometheus/url"),
    ({"prometheus": {"url": "http://prometheus:0"}}, "/prometheus/url"),
    ({"prometheus": {"url": "http://prometheus:99999/prefix"}}, "/prometheus/url"),
    ({"prometheus": {"url": "http://prometheus:"}}, "/prometheus/url"),
    ({"prometheus": {"url": "http://[fd00::1]:9090"}}, "/prometheus/url"),
    ({"prometheus": {"url": "http:///prefix"}}, "/prometheus/url"),
    ({"prometheus": {"url": "http://prometheus/a b"}}, "/prometheus/url"),
    ({"prometheus": {"url": "http://prometheus/?team=x"}}, "/prometheus/url"),
    ({"prometheus": {"url": "http://prometheus/" + "a" * 2048}}, "/prometheus/url"),
    ({"prometheus": {"metric": "sum(cost)"}}, "/prometheus/metric"),
    ({"prometheus": {"metric": "a" * 2049}}, "/prometheus/metric"),
    ({"prometheus": {"metric": 'cost{team="\n"}'}}, "/prometheus/metric"),
    ({"prometheus": {"preset": None}}, "'metric'"),
    ({"prometheus": {"preset": "LiteLLM"}}, "/prometheus/preset"),
    ({"prometheus": {"metric": "a", "metrics": ["b"]}}, "/prometheus"),
    ({"prometheus": {"metrics": ["a{b='c'}"]}}, "/prometheus/metrics/0"),
    ({"prometheus": {"tokens": {"typeLabel": "a"}}}, "/prometheus/tokens"),
    ({"prometheus": {"match": {"a-b": "c"}}}, "'a-b' not allowed"),
    ({"prometheus": {"labels": {"agent": {"form": ["a"]}}}}, "/prometheus/labels/agent"),
    ({"prometheus": {"plausiblePerSecond": "0.0"}}, "/prometheus/plausiblePerSecond"),
    ({"prometheus": {"plausiblePerSecond": 1}}, "/prometheus/plausiblePerSecond"),
    ({"prometheus": {"lateness": "25h"}}, "/prometheus/lateness"),
    ({"prices": {"file": "/a", "models": {"m": {}}}}, "/prices/models"),
    ({"prices": {"unknownModel": {"inputPerMillion": "1", "outputPerMillion": "1e-6"}}}, "outputPerMillion"),
    ({"prometheus": {"labels": {"agnt": "x"}}}, "'agnt' not allowed"),
    ({"prometheus": {"labels": {"agent": "not-a-label"}}}, "/prometheus/labels/agent"),
    ({"prometheus": {"scrapeInterval": 15}}, "/prometheus/scrapeInterval"),
    ({"prometheus": {"scrapeInterval": "15"}}, "/prometheus/scrapeInterval"),
    ({"prometheus": {"scrapeInterval": "0s"}}, "/prometheus/scrapeInterval"),
    ({"prometheus": {"scrapeInterval": "0m99ms"}}, "/prometheus/scrapeInterval"),
    ({"prometheus": {"scrapeInterval": "2h"}}, "/prometheus/scrapeInterval"),
    ({"prometheus": {"scrapeInterval": "1h30m"}}, "/prometheus/scrapeInterval"),
    ({"prometheus": {"scrapeInterval": "3601s"}}, "/prometheus/scrapeInterval"),
    ({"prometheus": {"scrapeInterval": "30s1m"}}, "/prometheus/scrapeInterval"),
    ({"prometheus": {"interval": "999ms"}}, "/prometheus/interval"),
    ({"prometheus": {"interval": "61m"}}, "/prometheus/interval"),
    ({"prometheus": {"timeout": "0s"}}, "/prometheus/timeout"),
    ({"prometheus": {"timeout": "301s"}}, "/prometheus/timeout"),
    ({"prometheus": {"backfill": "9601h"}}, "/prometheus/backfill"),
    ({"prometheus": {"backfill": "100000h"}}, "/prometheus/backfill"),
    ({"prometheus": {"auth": {"headers": {"authorization": "Bearer x"}}}}, "/prometheus/auth/headers/authorization"),
    ({"prometheus": {"auth": {"headers": {"Content-Length": "1"}}}}, "/prometheus/auth/headers/Content-Length"),
    ({"prometheus": {"auth": {"headers": {"X Y": "1"}}}}, "'X Y' not allowed"),
    ({"prometheus": {"auth": {"headers": {"X-Y": "1\n2"}}}}, "/prometheus/auth/headers/X-Y"),
    ({"prometheus": {"auth": {"headers": {"X-Y": ""}}}}, "/prometheus/auth/headers/X-Y"),
    ({"prometheus": {"auth": {"basic": {"username": "\u00e9", "passwordFile": "/p"}}}}, "/auth/basic/username"),
    ({"prometheus": {"auth": {"bearerTokenFile": "/t\n"}}}, "/prometheus/auth/bearerTokenFile"),
    ({"prometheus": {"url": "http://p", "auth": {"tls": {"caFile": "/c"}}}}, "/prometheus/auth/tls"),
    ({"config": {"sources": [_source("default", url="http://p", auth={"tls": {"caFile": "/c"}})]}}, "/auth/tls"),
    ({"config": {"leaderElection": {"leaseName": "a..b"}}}, "/config/leaderElection/leaseName"),
    ({"metrics": {"serviceMonitor": {"interval": "0s"}}}, "/metrics/serviceMonitor/interval"),
    ({"prometheus": {"auth": {"bearerToken": "secret"}}}, "'bearerToken' not allowed"),
    ({"prometheus": {"auth": {"basic": {"username": "u"}}}}, "passwordFile"),
    ({"prometheus": {"auth": {"tls": {"certFile": "/c"}}}}, "keyFile"),
    ({"prometheus": {"auth": {"bearerTokenFile": "/t", "basic": {"username": "u", "passwordFile": "/p"}}}}, "/auth"),
    ({"config": {"sources": [{"name": "Default", **_SMALLEST}]}}, "/config/sources/0/name"),
    ({"config": {"sources": [{"name": "default"}]}}, "'prometheus'"),
    ({"config": {"watchNamespaces": "agents"}}, "/config/watchNamespaces"),
    ({"config": {"watchNamespaces": ["a", "a"]}}, "/config/watchNamespaces"),
    ({"config": {"server": {"address": ":1"}}}, "'server' not allowed"),
    ({"mounts": [{"path": "/x"}]}, "/mounts/0"),
    ({"mounts": [{"secret": "a", "configMap": "b", "path": "/x"}]}, "/mounts/0"),
    ({"mounts": [{"secret": "a", "path": "/etc/purser/x"}]}, "/mounts/0/path"),
    ({"env": [{"name": "POD_UID", "value": "x"}]}, "/env/0/name"),
    ({"image": {"tag": "a b"}}, "/image/tag"),
    ({"image": {"digest": "sha256:0123"}}, "/image/digest"),
    ({"image": {"digest": "0123456789abcdef" * 4}}, "/image/digest"),
    ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    ({"persistence": {"size": "much"}}, "/persistence/size"),
    ({"persistence": {"existingClaim": "Books"}}, "/persistence/existingClaim"),
    ({"podSecurityContext": []}, "/podSecurityContext"),
    ({"securityContext": "none"}, "/securityContext"),
    ({"topologySpreadConstraints": {"maxSkew": 1}}, "/topologySpreadConstraints"),
    ({"rbac": {"aggregateWriteTo": ["view"]}}, "/rbac/aggregateWriteTo/0"),
    ({"rbac": {"aggregate": "yes"}}, "/rbac/aggregate"),
    ({"metrics": {"port": 80}}, "/metrics/port"),
    ({"log": {"level": "loud"}}, "/log/level"),
    ({"replicas": 2}, "'replicas' not allowed"),
    ({"releaseOnUninstall": {"timeoutSeconds": 1}}, "/releaseOnUninstall/timeoutSeconds"),
]

_SERVICE_MONITORS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: ServiceMonitor, plural: servicemonitors, singular: servicemonitor}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


def _named(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def _pod(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The pod's template in the one object of that kind."""
    (found,) = [each["spec"]["template"] for each in objects if each["kind"] == kind]
    template: dict[str, Any] = found
    return template


def _included_by(role: dict[str, Any]) -> set[str]:
    """The built-in roles that include it."""
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    labels: dict[str, str] = role["metadata"]["labels"]
    return {key.removeprefix(prefix) for key, value in labels.items() if key.startswith(prefix) and value == "true"}


class ChartTest(unittest.TestCase):
    cluster: ClassVar[ControlPlane]
    stored: ClassVar[dict[str, list[dict[str, Any]]]] = {}

    @classmethod
    def wait_for_definitions(cls) -> None:
        established = "--for=condition=Established"
        cls.cluster.kubectl("wait", established, "--timeout=30s", "--all", "customresourcedefinitions")

    def objects(self, variant: str) -> list[dict[str, Any]]:
        """What the API server would store of it."""
        if variant not in self.stored:
            self.stored[variant] = self.cluster.dry_run(self.cluster.template(_VARIANTS[variant]))
        return self.stored[variant]

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = ControlPlane()
        cls.addClassCleanup(cls.cluster.end)
        for namespace in ("purser-system", "team-a", "team-b", "1234", "1e3"):
            cls.cluster.kubectl("create", "namespace", namespace)
        label = "pod-security.kubernetes.io/enforce=restricted"
        cls.cluster.kubectl("label", "namespace", "purser-system", label)
        cls.cluster.kubectl("apply", "--filename=-", stdin=_SERVICE_MONITORS)
        cls.wait_for_definitions()

    def test_lint(self) -> None:
        for name, values in _VARIANTS.items():
            with self.subTest(name):
                said = self.cluster.helm("lint", "--strict", str(CHART), *self.cluster.values(values))
                self.assertNotRegex(said, r"\[(WARNING|ERROR)\]")

    def test_the_api_server_takes_every_variant(self) -> None:
        for name, values in _VARIANTS.items():
            with self.subTest(name):
                # The definitions are the same in every variant.
                more = ["--include-crds"] if name == "defaults" else []
                manifests = self.cluster.template(values, *more)
                done = self.cluster.try_kubectl(
                    "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-", stdin=manifests
                )
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertNotIn("Warning", done.stderr)

    def test_the_schema_refuses(self) -> None:
        for values, named in _REFUSED:
            with self.subTest(values=values):
                done = self.cluster.try_helm("template", "p", str(CHART), *self.cluster.values(values))
                self.assertNotEqual(done.returncode, 0, "accepted")
                self.assertIn("values don't meet the specifications of the schema", done.stderr)
                self.assertIn(named, done.stderr)

    def test_the_configuration_is_valid(self) -> None:
        binary = os.environ.get("PURSER_BINARY")
        if not binary or not os.path.exists(binary):
            self.skipTest("PURSER_BINARY is not built")
        for name in _VARIANTS:
            with self.subTest(name):
                (text,) = [each["data"]["config.yaml"] for each in self.objects(name) if each["kind"] == "ConfigMap"]
                file = self.cluster.folder / "config.yaml"
                file.write_text(text, encoding="utf-8")
                done = subprocess.run([binary, "validate", str(file)], capture_output=True, text=True, timeout=30)
                self.assertEqual(done.returncode, 0, done.stderr + text)

    def test_the_pods_keep_to_the_restricted_standard(self) -> None:
        for name in ("defaults", "everything", "no volume", "a volume that exists"):
            for owner in copy.deepcopy(self.objects(name)):
                if owner["kind"] not in ("StatefulSet", "Job"):
                    continue
                with self.subTest(name, kind=owner["kind"]):
                    template = owner["spec"]["template"]
                    # As the StatefulSet's controller adds the claims.
                    for claim in owner["spec"].get("volumeClaimTemplates", []):
                        volume = {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": "a-claim"}}
                        template["spec"].setdefault("volumes", []).append(volume)
                    pod = {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"]}
                    labels = template["metadata"]["labels"]
                    pod["metadata"] = {"name": "probe", "namespace": "purser-system", "labels": labels}
                    self.check_pod(pod)

    def check_pod(self, pod: dict[str, Any]) -> None:
        done = self.cluster.try_kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod))
        self.assertEqual(done.returncode, 0, done.stderr)
        (container,) = pod["spec"]["containers"]
        self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
        self.assertEqual(pod["spec"]["securityContext"]["runAsUser"], 65532)
        self.assertEqual(pod["spec"]["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertIn("memory", container["resources"]["limits"])

    def test_the_operator_pod(self) -> None:
        objects = self.objects("defaults")
        spec = _named(objects, "StatefulSet", "purser")["spec"]
        self.assertEqual(spec["replicas"], 1)
        self.assertEqual(spec["podManagementPolicy"], "Parallel")
        self.assertEqual(spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"], {"storage": "1Gi"})
        (container,) = spec["template"]["spec"]["containers"]
        self.assertEqual(container["image"], operator_image_name())
        field = {"apiVersion": "v1", "fieldPath": "metadata.uid"}
        self.assertEqual(container["env"], [{"name": "POD_UID", "valueFrom": {"fieldRef": field}}])
        self.assertEqual(container["args"][-3:], ["run", "--config", "/etc/purser/config.yaml"])
        self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/healthz")
        self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/readyz")
        self.assertEqual(container["resources"]["requests"], {"cpu": "50m", "memory": "64Mi"})
        self.assertEqual(container["resources"]["limits"], {"memory": "128Mi"})
        service = _named(objects, "Service", spec["serviceName"])["spec"]
        self.assertEqual(service["clusterIP"], "None", "what governs a StatefulSet is headless")
        (port,) = container["ports"]
        self.assertEqual(service["ports"][0]["port"], port["containerPort"], "there is no proxy that could translate")
        labels = spec["template"]["metadata"]["labels"]
        self.assertLessEqual(service["selector"].items(), labels.items())
        self.assertLessEqual(spec["selector"]["matchLabels"].items(), labels.items())

    def test_the_api_has_a_service_a_certificate_and_who_may_call(self) -> None:
        for name, port, secret in (
            ("the API", 8443, "purser-api-tls"),
            ("the API with Secrets of its own", 9443, "purser-tls"),
        ):
            with self.subTest(name):
                objects = self.objects(name)
                service = _named(objects, "Service", "purser-api")["spec"]
                self.assertEqual(service["ports"][0]["port"], port)
                pod = _pod(objects, "StatefulSet")["spec"]
                ports = {each["name"]: each["containerPort"] for each in pod["containers"][0]["ports"]}
                self.assertEqual(ports["api"], port)
                (volume,) = [each for each in pod["volumes"] if each["name"] == "api-tls"]
                self.assertEqual(volume["secret"]["secretName"], secret)
                policy = _named(objects, "NetworkPolicy", "purser")["spec"]["ingress"]
                self.assertEqual([each["ports"][0]["port"] for each in policy], ["metrics", "api"])
                kinds = {each["metadata"]["name"] for each in objects if each["kind"] == "ClusterRole"}
                self.assertLessEqual({"purser-system:purser-caller", "purser-system:purser-authenticate"}, kinds)
        made = _named(self.objects("the API"), "Secret", "purser-api-tls")
        self.assertEqual(set(made["data"]), {"ca.crt", "tls.crt", "tls.key"})
        self.assertFalse([each for each in self.objects("defaults") if each["kind"] == "Secret"])

    def test_the_environment_that_is_asked_for_comes_after_the_chart_s_own(self) -> None:
        (container,) = _pod(self.objects("everything"), "StatefulSet")["spec"]["containers"]
        self.assertEqual([each["name"] for each in container["env"]], ["POD_UID", "HTTPS_PROXY"])

    def test_where_the_ledger_is(self) -> None:
        volumes: dict[str, dict[str, Any] | None] = {
            "defaults": None,
            "no volume": {"emptyDir": {}},
            "no volume, whatever exists": {"emptyDir": {}},
            "a volume that exists": {"persistentVolumeClaim": {"claimName": "books"}},
        }
        for name, volume in volumes.items():
            with self.subTest(name):
                spec = _named(self.objects(name), "StatefulSet", "purser")["spec"]
                self.assertEqual(len(spec.get("volumeClaimTemplates", [])), 0 if volume else 1)
                ledgers = [each for each in spec["template"]["spec"]["volumes"] if each["name"] == "ledger"]
                self.assertEqual(ledgers, [{"name": "ledger", **volume}] if volume else [])
                (container,) = spec["template"]["spec"]["containers"]
                self.assertEqual("--ephemeral-ledger" in container["args"], volume == {"emptyDir": {}})

    def test_both_pods_are_placed_and_secured_as_asked(self) -> None:
        for kind in ("StatefulSet", "Job"):
            with self.subTest(kind):
                pod = _pod(self.objects("everything"), kind)["spec"]
                self.assertEqual(pod["topologySpreadConstraints"], _EVERYTHING["topologySpreadConstraints"])
                self.assertEqual(pod["securityContext"]["supplementalGroups"], [1000])
                self.assertIs(pod["securityContext"]["runAsNonRoot"], True, "one field does not drop the others")
                pod = _pod(self.objects("ids that the cluster chooses"), kind)["spec"]
                self.assertEqual({"runAsUser", "runAsGroup", "fsGroup"} & set(pod["securityContext"]), set())
                (container,) = pod["containers"]
                capabilities = {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}
                self.assertEqual(container["securityContext"]["capabilities"], capabilities)
                (container,) = _pod(self.objects("an image by digest"), kind)["spec"]["containers"]
                self.assertEqual(container["image"], f"purser@{_DIGEST}")

    def test_a_changed_configuration_is_another_pod(self) -> None:
        def checksum(values: dict[str, Any]) -> str:
            objects = self.cluster.dry_run(self.cluster.template(values))
            template = _named(objects, "StatefulSet", "purser")["spec"]["template"]
            return str(template["metadata"]["annotations"]["checksum/config"])

        self.assertEqual(checksum({}), checksum({"log": {"level": "debug"}}))
        self.assertNotEqual(checksum({}), checksum({"prometheus": {"scrapeInterval": "5s"}}))

    def test_rights_in_some_namespaces_alone(self) -> None:
        objects = self.objects("two namespaces")
        cluster_wide = {each["metadata"]["name"] for each in objects if each["kind"].startswith("ClusterRole")}
        people = {f"purser-system:purser-{part}" for part in ("view", "write", "approve")}
        metrics = {f"purser-system:purser-{part}" for part in ("authenticate", "metrics")}
        self.assertEqual(cluster_wide, people | metrics, "those of people, and for who reads /metrics")
        for name in ("purser-system:purser", "purser-system:purser-restore"):
            # What these are worth is shown in test_rights.py.
            want = granted(_named(self.objects("defaults"), "ClusterRole", name))
            roles = {
                each["metadata"]["namespace"]: granted(each)
                for each in objects
                if each["kind"] == "Role" and each["metadata"]["name"] == name
            }
            self.assertEqual(roles, {"team-a": want, "team-b": want})
        job = _named(objects, "Job", "purser-restore")
        self.assertEqual(
            job["spec"]["template"]["spec"]["containers"][0]["args"][-2:], ["--namespace=team-a", "--namespace=team-b"]
        )

    def test_the_roles_for_people(self) -> None:
        """What they come to is shown in test_controllers.py."""
        for name, want in (("defaults", set()), ("admins write", {"admin"})):
            with self.subTest(name):
                roles = {
                    part: _named(self.objects(name), "ClusterRole", f"purser-system:purser-{part}")
                    for part in ("view", "write")
                }
                self.assertEqual(_included_by(roles["view"]), {"view"})
                self.assertEqual(_included_by(roles["write"]), want)
                verbs = {verb for verb, resource, _ in granted(roles["view"])}
                self.assertEqual(verbs, {"get", "list", "watch"})
                written = {resource for verb, resource, _ in granted(roles["write"])}
                asked = {
                    "purser.dev/agentbudgetoverrides",
                    "purser.dev/agentbudgets",
                    "purser.dev/agentpools",
                    "purser.dev/spendcorrections",
                }
                self.assertEqual(written, asked, "and no status")
        names = {each["metadata"]["name"] for each in self.objects("no rights for people")}
        self.assertEqual(names & {"purser-system:purser-view", "purser-system:purser-write"}, set())

    def test_the_hook(self) -> None:
        objects = self.objects("defaults")
        hooks = [each for each in objects if "helm.sh/hook" in each["metadata"].get("annotations", {})]
        kinds = ["ClusterRole", "ClusterRoleBinding", "Job", "Role", "RoleBinding", "ServiceAccount"]
        self.assertEqual(sorted(each["kind"] for each in hooks), kinds)
        weights = {each["kind"]: int(each["metadata"]["annotations"]["helm.sh/hook-weight"]) for each in hooks}
        self.assertEqual(max(weights, key=lambda kind: weights[kind]), "Job", "rights come before their use")
        (container,) = _named(objects, "Job", "purser-restore")["spec"]["template"]["spec"]["containers"]
        self.assertIn("restore", container["args"])
        self.assertIn("--stop-statefulset=purser-system/purser", container["args"])
        self.assertIn("--forget-lease=purser-system/purser", container["args"])

    def test_the_hook_brings_neither_rights_nor_accounts_that_come_from_elsewhere(self) -> None:
        for name, rights, accounts in (
            ("rights from elsewhere", False, {"given"}),
            ("rights for a given account", True, {"given"}),
            ("rights from elsewhere for its own accounts", False, {"purser", "purser-restore"}),
        ):
            with self.subTest(name):
                objects = self.objects(name)
                self.assertEqual(any(each["apiVersion"].startswith("rbac.") for each in objects), rights)
                made = {each["metadata"]["name"] for each in objects if each["kind"] == "ServiceAccount"}
                self.assertEqual(made, accounts - {"given"})
                used = {_pod(objects, "StatefulSet")["spec"]["serviceAccountName"]}
                used.add(_pod(objects, "Job")["spec"]["serviceAccountName"])
                self.assertEqual(used, accounts)
                bound = {subject["name"] for each in objects for subject in each.get("subjects", [])}
                self.assertEqual(bound, accounts if rights else set())

    def test_every_pod_has_the_labels_and_annotations_that_are_asked_for(self) -> None:
        for kind in ("StatefulSet", "Job"):
            with self.subTest(kind):
                metadata = _pod(self.objects("everything"), kind)["metadata"]
                self.assertEqual(metadata["labels"]["team"], "x")
                self.assertEqual(metadata["annotations"]["example.com/a"], "1")

    def test_the_package_holds_everything(self) -> None:
        self.cluster.helm("package", str(CHART), "--destination", str(self.cluster.folder))
        (archive,) = self.cluster.folder.glob("purser-*.tgz")
        with tarfile.open(archive) as package:
            names = set(package.getnames())
        for name in ("values.schema.json", "crds/purser.dev_agentpools.yaml", "crds/purser.dev_agentbudgets.yaml"):
            self.assertIn(f"purser/{name}", names)

    def test_install_and_the_rights_in_force(self) -> None:
        """Without controllers no pod starts; what the API server keeps and allows is real."""
        words = ["purser", str(CHART), "--namespace=purser-system"]
        said = self.cluster.helm("install", *words, *self.cluster.values(_SMALLEST))
        for command in ("kubectl explain", "kubectl get purser", "kubectl logs"):
            self.assertIn(command, said)
        self.assertIn("http://prometheus:9090", said)
        definitions = self.cluster.kubectl("get", "customresourcedefinitions", "--output=name")
        self.assertIn("agentpools.purser.dev", definitions)
        self.assertIn("agentbudgets.purser.dev", definitions)
        self.wait_for_definitions()

        for verb, resource, namespace, want in (
            ("patch", "deployments.apps", "team-a", True),
            ("watch", "agentbudgets.purser.dev", "team-a", True),
            ("patch", "agentbudgets.purser.dev:status", "team-a", True),
            ("create", "events.events.k8s.io", "team-b", True),
            ("get", "leases.coordination.k8s.io/purser", "purser-system", True),
            ("get", "leases.coordination.k8s.io/other", "purser-system", False),
            ("get", "secrets", "purser-system", False),
            ("get", "pods", "team-a", False),
            ("delete", "deployments.apps", "team-a", False),
            ("create", "deployments.apps", "team-a", False),
            ("patch", "agentbudgets.purser.dev", "team-a", False),
            ("list", "configmaps", "team-a", True),  # those with its label: limits are held where they are followed
            ("delete", "configmaps", "team-a", False),
        ):
            with self.subTest(verb=verb, resource=resource):
                account = "--as=system:serviceaccount:purser-system:purser"
                kind, _, part = resource.partition(":")
                words = [verb, kind, account, f"--namespace={namespace}", f"--subresource={part}"]
                answer = self.cluster.try_kubectl("auth", "can-i", *words)
                self.assertEqual(answer.stdout.strip(), "yes" if want else "no", answer.stderr)

        # Nothing runs hooks here; all else goes, and a user's definitions stay.
        self.cluster.helm("uninstall", "purser", "--namespace=purser-system", "--no-hooks")
        left = self.cluster.kubectl(
            "get",
            "statefulsets,services,configmaps,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings",
            "--all-namespaces",
            "--selector=app.kubernetes.io/instance=purser",
            "--output=name",
        )
        self.assertEqual(left, "")
        definitions = self.cluster.kubectl("get", "customresourcedefinitions", "--output=name")
        self.assertIn("agentpools.purser.dev", definitions)


if __name__ == "__main__":
    unittest.main()
