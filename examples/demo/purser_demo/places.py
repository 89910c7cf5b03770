"""Where things are in the project, and the names they have in the cluster."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MANIFESTS = ROOT / "examples" / "demo" / "manifests"
IMAGE_SCRIPT = ROOT / "examples" / "demo" / "make-image.sh"
DISCOVERY_MODULE = ROOT / "examples" / "demo" / "discovery"
AGENT_MODULE = ROOT / "examples" / "agent"
CHART = ROOT / "charts" / "purser"
CLUSTER_TOOL = ROOT / "tests" / "cluster" / "cluster.py"

OPERATOR_NAMESPACE = "purser-system"
TOOLS_NAMESPACE = "purser-demo"
AGENTS_NAMESPACE = "agents"
RELEASE = "purser"
DEFINITIONS = ("agentbudgets.purser.dev", "agentpools.purser.dev")

# The cluster tool's own modules: what it knows of Go and of the program cache is not repeated here.
sys.path.insert(0, str(CLUSTER_TOOL.parent))
