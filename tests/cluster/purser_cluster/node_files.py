"""The configuration files of a real node. Paths are those inside the node's own mount namespace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from purser_cluster.network import NodeNetwork

NODE_NAME = "node-1"
PAUSE_IMAGE = "purser.local/pause:1"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
KUBE_PROXY_HEALTH_PORT = 10256
HOME = "/run/node"  # the cluster folder's node/, short because socket paths end at 107 characters

# The kubelet insists on these kernel settings and would write them for the whole machine; the node sees
# files with the wanted values in their place instead.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}

FOLDERS = ("cni", "cni-state", "containerd", "kubelet", "kernel", "keys", "var-lib", "var-log")


def write_node_files(directory: Path, network: NodeNetwork, cgroup_root: str, plugins: str) -> None:
    """Everything but the credentials, into `directory`, which the node sees as HOME."""
    for folder in FOLDERS:
        (directory / folder).mkdir()
    for name, value in KERNEL_SETTINGS.items():
        (directory / "kernel" / name.replace("/", "-")).write_text(value + "\n", encoding="utf-8")
    (directory / "resolv.conf").write_text("", encoding="utf-8")  # a cluster without DNS
    (directory / "containerd.toml").write_text(_containerd(plugins), encoding="utf-8")
    _write_json(directory / "cni" / "10-purser.conflist", _network_list(network))
    _write_json(directory / "kubelet.json", _kubelet(network, cgroup_root))
    _write_json(directory / "kube-proxy.json", _kube_proxy(network))


def setup_script(network: NodeNetwork) -> str:
    """Run once inside the new namespaces, from the cluster folder's node/."""
    kernel = "\n".join(
        f"if [ -e /proc/sys/{name} ]; then mount --bind {HOME}/kernel/{name.replace('/', '-')} /proc/sys/{name}; fi"
        for name in KERNEL_SETTINGS
    )
    return f"""set -eu
mount -t tmpfs -o mode=755 tmpfs /run
mkdir {HOME}
mount --no-canonicalize --bind . {HOME}
mount --bind {HOME}/var-lib /var/lib
mount --bind {HOME}/var-log /var/log
{kernel}
ip link set lo up
ip address add {network.node_address}/30 dev node0
ip link set node0 up
ip route add default via {network.machine_address}
echo 1 > /proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; fi
"""


def _containerd(plugins: str) -> str:
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE runc fails when asked to lower it.
    # The disabled plugins would write outside the node's folders or warn about file systems nobody has here.
    return f"""version = 2
root = "{HOME}/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{HOME}/cni"
"""


def _network_list(network: NodeNetwork) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,  # a pod may reach itself through its own Service
        "ipam": {
            "type": "host-local",
            "dataDir": f"{HOME}/cni-state",
            "ranges": [[{"subnet": network.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return {"cniVersion": "0.4.0", "name": "purser", "plugins": [bridge]}


def _kubelet(network: NodeNetwork, cgroup_root: str) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.node_address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{HOME}/keys/authority.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{HOME}/keys/kubelet-server.crt",
        "tlsPrivateKeyFile": f"{HOME}/keys/kubelet-server.key",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",  # nothing here depends on systemd
        "cgroupRoot": cgroup_root,  # two kubelets in one tree would end each other's pods
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,  # fails on file systems without a known root device
        "oomScoreAdj": 0,
        "kubeAPIQPS": 1000,
        "kubeAPIBurst": 1000,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,  # an image that cannot be pulled again must not be collected
        "imageMinimumGCAge": "24h",
        "resolvConf": f"{HOME}/resolv.conf",
        "volumePluginDir": f"{HOME}/kubelet/volume-plugins",
        "registerWithTaints": [],
    }


def _kube_proxy(network: NodeNetwork) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": network.node_address,  # else it waits 30 s for the node to have one
        "hostnameOverride": NODE_NAME,
        "clientConnection": {"kubeconfig": f"{HOME}/keys/kube-proxy.kubeconfig"},
        "clusterCIDR": network.pods,
        "detectLocalMode": "ClusterCIDR",
        "conntrack": {"maxPerCore": 0, "min": 0},  # the limit is the machine's, not the node's
        "oomScoreAdj": 0,
        "healthzBindAddress": f"{network.node_address}:{KUBE_PROXY_HEALTH_PORT}",
        "metricsBindAddress": "127.0.0.1:10249",
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
