"""What can be built, from which Go package, and the cache key; versions live in go.mod alone."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from purser_cluster.errors import ClusterError

MODULE_DIRECTORY = Path(__file__).resolve().parent.parent

LEVELS = ("control-plane", "kwok", "node")


ENGINES_DIRECTORY = MODULE_DIRECTORY / "engines"


@dataclass(frozen=True)
class GoProgram:
    name: str
    package: str
    module: str
    directory: Path = MODULE_DIRECTORY  # of the go.mod
    tags: str = ""


# The order is the build order: what most tests wait for comes first.
GO_PROGRAMS = (
    GoProgram("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
    GoProgram("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes"),
    GoProgram("kubectl", "k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes"),
    GoProgram("kwok", "sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok"),
    GoProgram("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", "k8s.io/kubernetes"),
    GoProgram("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", "k8s.io/kubernetes"),
    GoProgram("helm", "helm.sh/helm/v4/cmd/helm", "helm.sh/helm/v4"),
    GoProgram("kubelet", "k8s.io/kubernetes/cmd/kubelet", "k8s.io/kubernetes"),
    GoProgram("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy", "k8s.io/kubernetes"),
)
PAUSE = "pause"
ALL_NAMES = tuple(program.name for program in GO_PROGRAMS) + (PAUSE,)

# What tests may want instead of the API server of GO_PROGRAMS.
OLDER_API_SERVER = GoProgram(
    "kube-apiserver-1.33", "k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes", ENGINES_DIRECTORY / "kubernetes-1.33"
)

# What spend can be read from beside Debian's Prometheus: a module and a cache each, for no cluster needs them.
ENGINES = (
    GoProgram(
        "victoria-metrics",
        "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics",
        "github.com/VictoriaMetrics/VictoriaMetrics",
        ENGINES_DIRECTORY / "victoriametrics",
    ),
    # Without builtinassets it has no pages, and needs no npm; without service discovery it is a third of the build.
    GoProgram(
        "prometheus-3",
        "github.com/prometheus/prometheus/cmd/prometheus",
        "github.com/prometheus/prometheus",
        ENGINES_DIRECTORY / "prometheus",
        "netgo,remove_all_sd",
    ),
    OLDER_API_SERVER,
)
ENGINE_NAMES = tuple(program.name for program in ENGINES)

# Names the program that serves the API: kube-apiserver, or an older one.
API_SERVER_VARIABLE = "PURSER_API_SERVER"
_CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
_NODE_NAMES = ("kubelet", "kube-proxy", PAUSE)


def api_server() -> str:
    """The program that serves the API."""
    name = os.environ.get(API_SERVER_VARIABLE) or "kube-apiserver"
    known = ("kube-apiserver", OLDER_API_SERVER.name)
    if name not in known:
        raise ClusterError(f"{API_SERVER_VARIABLE}={name} is not known; known: {', '.join(known)}")
    return name


def names_for(level: str, fake_nodes: int) -> tuple[str, ...]:
    """The programs that a cluster of this level runs."""
    names: tuple[str, ...] = ("etcd", api_server(), "kubectl")
    if level != "control-plane" and api_server() != "kube-apiserver":
        # Controllers newer than their API server are of no supported cluster.
        raise ClusterError(f"{API_SERVER_VARIABLE}={api_server()} serves level control-plane alone, not {level}")
    if fake_nodes > 0:
        names += ("kwok",)
    if level != "control-plane":
        names += _CONTROLLERS
    if level == "node":
        names += _NODE_NAMES
    return names


def module_version(module: str, directory: Path = MODULE_DIRECTORY) -> str:
    """The version go.mod requires, with its leading v."""
    text = (directory / "go.mod").read_text(encoding="utf-8")
    match = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if match is None:
        raise ClusterError(f"{directory / 'go.mod'} requires no {module}; restore the file from git")
    return match.group(1)


def linker_flags(program: GoProgram) -> str:
    version = module_version(program.module, program.directory)
    if program.module == "k8s.io/kubernetes":
        major, minor = version.removeprefix("v").split(".")[:2]
        settings = [
            f"-X {package}.{name}={value}"
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
            for name, value in (("gitVersion", version), ("gitMajor", major), ("gitMinor", minor))
        ]
    elif program.module == "sigs.k8s.io/kwok":
        settings = [f"-X sigs.k8s.io/kwok/pkg/consts.Version={version}"]
    elif program.module == "helm.sh/helm/v4":
        settings = [f"-X helm.sh/helm/v4/internal/version.version={version}"]
    else:
        settings = []
    return " ".join(["-s", "-w", *settings])


def cache_key() -> str:
    """Changes when any dependency, build flag or the pause source changes; not with comments in go.mod."""
    digest = hashlib.sha256((MODULE_DIRECTORY / "go.sum").read_bytes())
    digest.update((MODULE_DIRECTORY / "pause.c").read_bytes())
    for program in GO_PROGRAMS:
        digest.update(f"{program.package} {linker_flags(program)}\n".encode())
    return f"kubernetes-{module_version('k8s.io/kubernetes')}-{platform.machine()}-{digest.hexdigest()[:12]}"


def user_cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "purser"


def cache_directory() -> Path:
    return user_cache_directory() / "cluster" / cache_key()


def home_of(name: str) -> Path:
    """The part of the cache in which this program is, or will be."""
    for engine in ENGINES:
        if engine.name == name:
            digest = hashlib.sha256((engine.directory / "go.sum").read_bytes())
            digest.update(f"{engine.package} {engine.tags} {linker_flags(engine)}\n".encode())
            version = module_version(engine.module, engine.directory)
            key = f"{name}-{version}-{platform.machine()}-{digest.hexdigest()[:12]}"
            return user_cache_directory() / "engines" / key
    return cache_directory()
