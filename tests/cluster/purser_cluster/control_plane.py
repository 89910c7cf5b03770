"""etcd, the API server and, above level control-plane, the controllers and the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from purser_cluster.access import ApiClient, write_kubeconfig
from purser_cluster.audit import audit_log
from purser_cluster.build import program_path
from purser_cluster.certificates import Authority
from purser_cluster.network import LOOPBACK, Addresses, Ports
from purser_cluster.processes import Child
from purser_cluster.progress import wait_until
from purser_cluster.versions import api_server

ADMINISTRATOR = "admin"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
AGGREGATOR = "aggregator"
KUBELET_CLIENT = "kubelet-client"
_READY_SECONDS = 120.0

StartChild = Callable[[str, list[str]], Child]


class ControlPlane:
    """Starts the programs through `start_child`, whose caller owns and stops them."""

    def __init__(
        self, directory: Path, addresses: Addresses, start_child: StartChild, audit_policy: Path | None = None
    ) -> None:
        self._directory = directory
        self._addresses = addresses
        self._start_child = start_child
        self._audit_policy = audit_policy
        self._ports = Ports(LOOPBACK)
        self._port = Ports(addresses.api_server).take()
        self.server = f"https://{addresses.api_server}:{self._port}"
        self.authority = Authority(directory / "certificates")
        self.authority.issue_client(ADMINISTRATOR, "purser-cluster-admin", "system:masters")
        names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        names.append("kubernetes.default.svc.cluster.local")
        reachable = sorted({LOOPBACK, addresses.api_server, addresses.first_service})
        self.authority.issue_server("api-server", names, reachable)
        self.authority.issue_signing_pair("service-account")
        self.authority.issue_client(AGGREGATOR, AGGREGATOR)
        self.authority.issue_client(KUBELET_CLIENT, "kube-apiserver", "system:masters")
        self.client = ApiClient(self.server, self.authority, ADMINISTRATOR)

    def start(self, with_controllers: bool, with_node: bool) -> None:
        """Returns when the API server is ready and the administrator's kubeconfig is written."""
        etcd_url = self._start_etcd()
        child = self._start_api_server(etcd_url, with_controllers, with_node)
        if with_controllers:  # their certificates are made while the API server starts
            self._prepare_controllers()

        def ready() -> bool:
            child.require_running()
            return self.client.status("/readyz") == 200

        wait_until("API server getting ready", ready, _READY_SECONDS, lambda: f"See {child.log_path}")
        write_kubeconfig(self._directory / "kubeconfig", self.server, self.authority, ADMINISTRATOR)
        if with_controllers:
            self._start_controllers()

    def _start_etcd(self) -> str:
        client_url = f"http://{LOOPBACK}:{self._ports.take()}"
        peer_url = f"http://{LOOPBACK}:{self._ports.take()}"
        command = [
            str(program_path("etcd")),
            "--name=purser",
            f"--data-dir={self._directory / 'etcd'}",
            f"--listen-client-urls={client_url}",
            f"--advertise-client-urls={client_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=purser={peer_url}",
            "--unsafe-no-fsync",  # the data never outlives the cluster
            "--log-level=warn",
        ]
        self._start_child("etcd", command)
        return client_url

    def _start_api_server(self, etcd_url: str, with_controllers: bool, with_node: bool) -> Child:
        signing = self._directory / "certificates" / "service-account"
        command = [
            str(program_path(api_server())),
            f"--etcd-servers={etcd_url}",
            f"--bind-address={self._addresses.api_server}",
            f"--advertise-address={self._addresses.api_server}",
            f"--secure-port={self._port}",
            f"--service-cluster-ip-range={self._addresses.services}",
            f"--tls-cert-file={self.authority.certificate_path('api-server')}",
            f"--tls-private-key-file={self.authority.key_path('api-server')}",
            f"--client-ca-file={self.authority.certificate}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={signing}.pub",
            f"--service-account-signing-key-file={signing}.key",
            f"--requestheader-client-ca-file={self.authority.certificate}",
            f"--requestheader-allowed-names={AGGREGATOR}",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={self.authority.certificate_path(AGGREGATOR)}",
            f"--proxy-client-key-file={self.authority.key_path(AGGREGATOR)}",
            "--allow-privileged=true",
            "--feature-gates=HPAScaleToZero=true",
            "--profiling=false",
        ]
        if self._audit_policy is not None:
            command += [
                f"--audit-policy-file={self._audit_policy}",
                f"--audit-log-path={audit_log(self._directory)}",
            ]
        if with_node:
            command += [
                f"--kubelet-client-certificate={self.authority.certificate_path(KUBELET_CLIENT)}",
                f"--kubelet-client-key={self.authority.key_path(KUBELET_CLIENT)}",
                f"--kubelet-certificate-authority={self.authority.certificate}",
                "--kubelet-preferred-address-types=InternalIP",
            ]
        else:
            # A loopback address is not a valid endpoint, and nobody would use the Service here.
            command.append("--endpoint-reconciler-type=none")
        if not with_controllers:
            # Nobody makes the default ServiceAccounts here, and without them no Pod could be created.
            command.append("--disable-admission-plugins=ServiceAccount")
        return self._start_child("kube-apiserver", command)

    def _prepare_controllers(self) -> None:
        for name in (CONTROLLER_MANAGER, SCHEDULER):
            self.authority.issue_client(name, f"system:{name}")
            path = self._directory / "certificates" / f"{name}.kubeconfig"
            write_kubeconfig(path, self.server, self.authority, name)

    def _start_controllers(self) -> None:
        certificates = self._directory / "certificates"

        def common(name: str) -> list[str]:
            return [
                str(program_path(name)),
                f"--kubeconfig={certificates / name}.kubeconfig",
                f"--authentication-kubeconfig={certificates / name}.kubeconfig",
                f"--authorization-kubeconfig={certificates / name}.kubeconfig",
                f"--bind-address={LOOPBACK}",
                f"--secure-port={self._ports.take()}",
                f"--cert-dir={certificates}",
                "--leader-elect=false",
                "--kube-api-qps=1000",  # the default of 20 makes the controllers 4 s late
                "--kube-api-burst=1000",
                "--profiling=false",
            ]

        signing = certificates / "service-account"
        controllers = [
            "--use-service-account-credentials=true",
            "--feature-gates=HPAScaleToZero=true",
            "--horizontal-pod-autoscaler-sync-period=3s",  # 15 s is long for a test
            f"--service-account-private-key-file={signing}.key",
            f"--root-ca-file={self.authority.certificate}",
            f"--flex-volume-plugin-dir={self._directory / 'flex-volumes'}",  # else it makes one in /usr
            f"--cluster-signing-cert-file={self.authority.certificate}",
            f"--cluster-signing-key-file={self.authority.key_path('authority')}",
        ]
        self._start_child(CONTROLLER_MANAGER, common(CONTROLLER_MANAGER) + controllers)
        self._start_child(SCHEDULER, common(SCHEDULER))
