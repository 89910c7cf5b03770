"""The container images of the demo, assembled from what is on this machine: no registry, no container tool."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from purser_demo.commands import run
from purser_demo.errors import DemoError
from purser_demo.places import AGENT_MODULE, CHART, CLUSTER_TOOL, DISCOVERY_MODULE, IMAGE_SCRIPT

TAG = "dev"  # of the demo's own images; the operator's has the version that the chart asks for
OPERATOR_IMAGE = "purser"
AGENT_IMAGE = "purser-example-agent"
PROMETHEUS_IMAGE = "purser-demo-prometheus"


@dataclass(frozen=True)
class Image:
    name: str
    archive: Path


def build_images(operator: Path, folder: Path) -> list[Image]:
    """`operator` is the built binary; archives go into `folder`, those that are still good are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_operator_image(operator, folder), _agent_image(folder), _prometheus_image(folder)]


def operator_image_name() -> str:
    """What the chart asks for when it is told nothing."""
    chart = CHART / "Chart.yaml"
    found = re.search(r'^appVersion: "([^"]+)"$', chart.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise DemoError(f'{chart} has no line appVersion: "..."')
    return f"{OPERATOR_IMAGE}:{found.group(1)}"


def _operator_image(operator: Path, folder: Path) -> Image:
    image = Image(operator_image_name(), folder / "purser.tar")
    if not _is_newer(image.archive, [operator, IMAGE_SCRIPT, CHART / "Chart.yaml"]):
        run([IMAGE_SCRIPT, operator, image.archive, image.name], "making the operator's image")
    return image


def _agent_image(folder: Path) -> Image:
    image = Image(f"{AGENT_IMAGE}:{TAG}", folder / "agent.tar")
    if _is_newer(image.archive, sorted(AGENT_MODULE.iterdir())):
        return image
    program = folder / "agent"
    build_go(AGENT_MODULE, program)
    make_image(image, ["--user", "65532:65532", "--entrypoint", "/agent", "--binary", f"{program}:/agent"])
    return image


def build_go(module: Path, program: Path) -> None:
    command = [go_program(), "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(program), "."]
    run(command, f"building {program.name}", environment=go_environment(), directory=module)


def go_program() -> str:
    from purser_cluster.build import go_program as cluster_go_program  # places.py has set the path
    from purser_cluster.errors import ClusterError

    try:
        return cluster_go_program()
    except ClusterError as error:
        raise DemoError(str(error)) from error


def go_environment() -> dict[str, str]:
    """Static, with the Go at hand, and with nothing fetched."""
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}


def _prometheus_image(folder: Path) -> Image:
    image = Image(f"{PROMETHEUS_IMAGE}:{TAG}", folder / "prometheus.tar")
    found = shutil.which("prometheus")
    if found is None:
        raise DemoError("the demo needs the program prometheus: install Debian's package prometheus (make deps)")
    program = Path(found).resolve()
    if not _is_newer(image.archive, [program, *DISCOVERY_MODULE.iterdir()]):
        discovery = folder / "discovery"
        build_go(DISCOVERY_MODULE, discovery)
        places = ["--binary", f"{program}:/usr/bin/prometheus", "--binary", f"{discovery}:/usr/bin/discovery"]
        make_image(image, ["--user", "65534:65534", "--entrypoint", "/usr/bin/prometheus", *places])
    return image


def make_image(image: Image, options: list[str]) -> None:
    command = [str(CLUSTER_TOOL), "image", "make", "--name", image.name, "--out", str(image.archive), *options]
    run(command, f"making the image {image.name}")


def _is_newer(archive: Path, sources: list[Path]) -> bool:
    if not archive.is_file():
        return False
    made = archive.stat().st_mtime
    return all(source.stat().st_mtime < made for source in sources if source.is_file())
