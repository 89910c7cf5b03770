// A real local Kubernetes for one test binary, ended with it (tests/cluster).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace purser::support {

struct ProgramResult {
  int code = -1;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

// Runs a program found in PATH to its end, `input` on its stdin. `environment` is added to ours.
ProgramResult RunToEnd(const std::vector<std::string>& command, const std::string& input = "",
                       const std::vector<std::string>& environment = {});

// Port that was free a moment ago on 127.0.0.1.
std::uint16_t FreePort();

class Cluster {
 public:
  // Blocks until the cluster is ready (a first build of its programs takes minutes). `level`:
  // control-plane, kwok or node. `crds`: folder of definitions to apply. Throws std::runtime_error
  // with the end of its log when it cannot start.
  explicit Cluster(const std::string& level = "control-plane", const std::string& crds = "");
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Of the administrator.
  const std::string& kubeconfig() const { return kubeconfig_; }
  // Folder of etcd, kube-apiserver, kubectl, helm …
  const std::string& bin() const { return bin_; }
  // https://address:port
  const std::string& server() const { return server_; }
  // Everything of the cluster: logs/, certificates/, processes.json.
  const std::string& directory() const { return directory_; }

  ProgramResult Kubectl(std::vector<std::string> arguments, const std::string& input = "") const;

  // The last lines of all logs, for a test that failed.
  std::string LogTails(int lines = 30) const;

 private:
  void Stop();

  std::string directory_;
  std::string kubeconfig_;
  std::string bin_;
  std::string server_;
  pid_t pid_ = -1;
  int stdin_ = -1;
};

// One cluster for all tests of the binary, made on first use, ended with the process.
Cluster& SharedCluster(const std::string& level = "control-plane");

// An etcd of its own, which can go back to what it held before.
class SecondEtcd {
 public:
  explicit SecondEtcd(const Cluster& cluster);
  ~SecondEtcd();
  SecondEtcd(const SecondEtcd&) = delete;
  SecondEtcd& operator=(const SecondEtcd&) = delete;
  const std::string& url() const { return url_; }
  void Snapshot();
  void Restore();  // to the last snapshot: its versions go on from there

 private:
  void Start();
  void Stop();

  const Cluster& cluster_;
  const std::string data_;
  std::string url_;
  std::vector<std::string> command_;
  pid_t pid_ = -1;
};

// A second kube-apiserver on the cluster's etcd, or on `etcd`, which a test may kill and start
// again. `program`: of another version than the cluster's.
class SecondApiServer {
 public:
  explicit SecondApiServer(const Cluster& cluster, const std::string& etcd = "",
                           const std::string& program = "");
  ~SecondApiServer();
  void Start();  // until /readyz answers
  void Kill();   // SIGKILL
  void Pause();  // SIGSTOP: it accepts connections and answers nothing
  std::string server() const;
  // The administrator's, by way of this server; written to `folder`. Returns the path.
  std::string WriteKubeconfig(const std::string& folder) const;

 private:
  const Cluster& cluster_;
  std::uint16_t port_;
  std::vector<std::string> command_;
  pid_t pid_ = -1;
};

}  // namespace purser::support
