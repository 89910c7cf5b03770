// A real API server for the time of a test program, and kubectl.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace purser {

struct CommandResult {
  int exit_code = -1;  // -1: could not be run, or killed
  std::string output;  // both streams
};

// Runs a program (found on PATH or by path) with `input` on its standard input.
CommandResult RunCommand(const std::vector<std::string>& command, const std::string& input = "");

// etcd and kube-apiserver in a folder of their own; gone with the object, also when the test dies.
class ControlPlane {
 public:
  ControlPlane();   // does not return before the API server is ready; see error()
  ~ControlPlane();  // prints the logs' place when a test failed
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  // Why it could not be started; empty when it was.
  const std::string& error() const { return error_; }
  CommandResult Kubectl(std::vector<std::string> arguments, const std::string& input = "") const;

 private:
  std::filesystem::path folder_;
  std::string kubectl_;
  std::string kubeconfig_;
  std::string error_;
  pid_t process_ = -1;
  int stdin_ = -1;  // its end ends the cluster
};

}  // namespace purser
