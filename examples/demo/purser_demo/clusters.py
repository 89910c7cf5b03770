"""The cluster the demo runs on: a local one of its own, or one that the user names."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from purser_demo.api import Api
from purser_demo.commands import run
from purser_demo.errors import DemoError
from purser_demo.images import Image
from purser_demo.places import CLUSTER_TOOL
from purser_demo.removal import removals

KUBECONFIG_VARIABLE = "PURSER_DEMO_KUBECONFIG"
IMAGES_LOADED_VARIABLE = "PURSER_DEMO_IMAGES_LOADED"
_START_SECONDS = 1800.0  # the first start ever may build Kubernetes


class Cluster(ABC):
    """kubectl, Helm and images for one cluster, through one kubeconfig and never another."""

    def __init__(self, kubeconfig: Path, context: str, kubectl: str, helm: str, state: Path) -> None:
        self.kubeconfig = kubeconfig
        self.context = context
        self._kubectl = kubectl
        self._helm = helm
        self._state = state
        self._api: Api | None = None

    @property
    def api(self) -> Api:
        if self._api is None:
            self._api = Api(self.kubectl_command())
        return self._api

    def kubectl_command(self) -> list[str]:
        # The usual cache is keyed by address: it may remember another cluster that had this port.
        return [self._kubectl, *self._target(), f"--cache-dir={self._state / 'kubectl-cache'}"]

    def helm_command(self) -> list[str]:
        return [self._helm, f"--kubeconfig={self.kubeconfig}", f"--kube-context={self.context}"]

    def kubectl(self, *words: str, text: str | None = None, timeout_seconds: float = 120.0) -> str:
        purpose = f"kubectl {words[0]}"
        command = [*self.kubectl_command(), *words]
        return run(command, purpose, text=text, environment=self._environment(), timeout_seconds=timeout_seconds)

    def helm(self, *words: str, timeout_seconds: float = 240.0) -> str:
        command = [*self.helm_command(), *words]
        return run(command, f"helm {words[0]}", environment=self._environment(), timeout_seconds=timeout_seconds)

    def apply(self, *objects: dict[str, Any]) -> None:
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--filename=-", text=json.dumps(document))

    def disconnect(self) -> None:
        if self._api is not None:
            self._api.close()
            self._api = None

    @property
    @abstractmethod
    def is_throwaway(self) -> bool:
        """Whether the whole cluster ends with end()."""

    @abstractmethod
    def load(self, images: list[Image]) -> None:
        """Makes the images known to the nodes."""

    @abstractmethod
    def end(self) -> None:
        """Ends the cluster if it is the demo's own."""

    @abstractmethod
    def how_to_end(self) -> list[str]:
        """The commands that undo what --keep leaves."""

    def _target(self) -> list[str]:
        """The context by name: whoever switches contexts in the file must not lead the clean-up to another cluster."""
        return [f"--kubeconfig={self.kubeconfig}", f"--context={self.context}"]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBECONFIG"))}
        for kind in ("CACHE", "CONFIG", "DATA"):
            kept[f"HELM_{kind}_HOME"] = str(self._state / "helm" / kind.lower())
        return kept


class LocalCluster(Cluster):
    """Of level node, built from Go modules, in a folder of its own."""

    def __init__(self, folder: Path, *, audited: bool = False) -> None:
        """`audited`: what ServiceAccounts ask of the API server is in audit.log among the logs."""
        if os.geteuid() != 0:
            raise DemoError(
                "a local node needs root (namespaces, mounts, cgroups): run this as root (sudo -E), or name a "
                f"cluster of your own with {KUBECONFIG_VARIABLE}=FILE"
            )
        self.folder = folder
        self._tool("down")  # what an earlier run kept
        self._tool("build", timeout_seconds=_START_SECONDS, with_folder=False)
        more = ["--audit"] if audited else []
        ready = json.loads(self._tool("up", "--level", "node", *more, timeout_seconds=_START_SECONDS))
        programs = Path(ready["bin"])
        kubeconfig = Path(ready["kubeconfig"])
        kubectl = str(programs / "kubectl")
        super().__init__(kubeconfig, current_context(kubectl, kubeconfig), kubectl, str(programs / "helm"), folder)

    @property
    def is_throwaway(self) -> bool:
        return True

    def load(self, images: list[Image]) -> None:
        for image in images:
            self._tool("image", "load", str(image.archive))

    def end(self) -> None:
        self.disconnect()
        self._tool("down")

    def how_to_end(self) -> list[str]:
        return [f"{_shown(CLUSTER_TOOL)} down --dir {_shown(self.folder)}"]

    def logs(self) -> Path:
        return self.folder / "logs"

    def _tool(self, *words: str, timeout_seconds: float = 180.0, with_folder: bool = True) -> str:
        command = [str(CLUSTER_TOOL), *words]
        if with_folder:
            position = 3 if words[0] == "image" else 2
            command.insert(position, f"--dir={self.folder}")
        return run(command, "the cluster tool", timeout_seconds=timeout_seconds, show_progress=True)


class NamedCluster(Cluster):
    """Somebody's own, named by an environment variable made for that alone."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        if not kubeconfig.is_file():
            raise DemoError(f"{KUBECONFIG_VARIABLE}={kubeconfig}: no such file")
        folder.mkdir(parents=True, exist_ok=True)
        kubectl = _program("kubectl")
        super().__init__(kubeconfig, current_context(kubectl, kubeconfig), kubectl, _program("helm"), folder)

    @property
    def is_throwaway(self) -> bool:
        return False

    def load(self, images: list[Image]) -> None:
        for image in images:
            command = load_command(self.context, image)
            if command is not None:
                run(command, f"loading {image.name}", environment=self._environment(), timeout_seconds=300.0)
        if load_command(self.context, images[0]) is None and not os.environ.get(IMAGES_LOADED_VARIABLE):
            archives = "\n".join(f"  {image.archive} ({image.name})" for image in images)
            raise DemoError(
                f"context {self.context} is neither of kind nor of minikube: load these images into its nodes "
                f"(ctr -n k8s.io images import FILE), then run again with {IMAGES_LOADED_VARIABLE}=1:\n{archives}"
            )

    def end(self) -> None:
        self.disconnect()

    def how_to_end(self) -> list[str]:
        commands = {"helm": self.helm_command(), "kubectl": [self._kubectl, *self._target()]}
        return [shlex.join([*commands[program], *words]) for program, words in removals(defined=True)]


def current_context(kubectl: str, kubeconfig: Path) -> str:
    """Fails where there is none: kubectl would go on with whatever answers at localhost:8080."""
    try:
        words = [kubectl, f"--kubeconfig={kubeconfig}", "config", "current-context"]
        return run(words, "reading the kubeconfig").strip()
    except DemoError as error:
        raise DemoError(
            f"{kubeconfig} names no cluster to use: choose one of its contexts "
            f"(kubectl --kubeconfig={kubeconfig} config use-context NAME). {error}"
        ) from error


def load_command(context: str, image: Image) -> list[str] | None:
    """The command that loads an image into the nodes behind a context; None when nobody knows one."""
    if context.startswith("kind-"):
        return ["kind", "load", "image-archive", str(image.archive), "--name", context.removeprefix("kind-")]
    if context.startswith("minikube"):
        return ["minikube", "--profile", context, "image", "load", str(image.archive)]
    return None


def open_cluster(folder: Path, environment: Mapping[str, str]) -> Cluster:
    """KUBECONFIG and ~/.kube/config are never looked at: nobody's cluster is touched by accident."""
    named = environment.get(KUBECONFIG_VARIABLE)
    return NamedCluster(Path(named).resolve(), folder) if named else LocalCluster(folder)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is not None:
        return found
    from purser_cluster.build import ensure_built, program_path  # places.py has set the path
    from purser_cluster.errors import ClusterError

    try:
        ensure_built([name])
    except ClusterError as error:
        raise DemoError(str(error)) from error
    return str(program_path(name))


def _shown(path: Path) -> str:
    """As one would type it here."""
    return os.path.relpath(path)
