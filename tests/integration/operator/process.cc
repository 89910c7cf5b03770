#include "integration/operator/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace purser::integration {
namespace {

std::string Text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

}  // namespace

std::string PurserBinary() { return PURSER_BINARY; }

std::string ConfigText(const World& world, const std::string& prometheus_url,
                       const std::string& metric, const std::string& election) {
  const std::string leader =
      election.empty() ? "enabled: false"
                       : "enabled: true, namespace: " + world.ns() + ", leaseName: " + election;
  return "apiVersion: config.purser.dev/v1alpha1\nkind: OperatorConfig\n"
         "server: {metricsAddress: \"127.0.0.1:0\"}\nleaderElection: {" +
         leader + "}\nwatchNamespaces: [" + world.ns() +
         "]\nstore: {type: SQLite, path: " + world.folder() +
         "/ledger.db}\nsources:\n- name: default\n  prometheus:\n    url: \"" + prometheus_url +
         "\"\n    metric: '" + metric +
         "'\n    scrapeInterval: 1s\n    interval: 1s\n    backfill: 1h\n";
}

std::string WriteConfig(const World& world, const std::string& name, const std::string& text) {
  const std::string path = world.folder() + "/" + name + ".yaml";
  std::ofstream(path + ".new") << text;
  std::filesystem::rename(path + ".new", path);
  return path;
}

Process::Process(const World& world, const std::string& config, const std::string& log)
    : log_(world.folder() + "/" + log + ".log") {
  const std::string kubeconfig = world.cluster().kubeconfig();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int file = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(file, 1);
    dup2(file, 2);
    execl(PURSER_BINARY, PURSER_BINARY, "run", "--config", config.c_str(), "--kubeconfig",
          kubeconfig.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
}

int Process::End(int signal) {
  if (pid_ <= 0) return 0;
  kill(pid_, signal);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return status;
}

void Process::Signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

std::optional<int> Process::Ended() {
  int status = 0;
  if (pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = -1;
    ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return ended_;
}

bool Process::Logged(const std::string& text) const {
  return Text(log_).find(text) != std::string::npos;
}

std::string Process::LogTail() const { return support::RunToEnd({"tail", "-n", "25", log_}).out; }

}  // namespace purser::integration
