// `purser run` as a process of its own, and configuration files for it.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "integration/operator/world.h"

namespace purser::integration {

// The path of the program under test.
std::string PurserBinary();

// A configuration without leader election: one source, the ledger in the world's folder. `metric`:
// the counter, with a selector if need be. `election`: the name of a Lease in the world's
// namespace.
std::string ConfigText(const World& world, const std::string& prometheus_url,
                       const std::string& metric = "agent_cost_usd_total",
                       const std::string& election = "");
// Writes it to folder/NAME.yaml, whole at every moment, and returns the path.
std::string WriteConfig(const World& world, const std::string& name, const std::string& text);

class Process {
 public:
  // Logs to folder/LOG.log, appending.
  Process(const World& world, const std::string& config, const std::string& log = "operator");
  ~Process() { End(SIGKILL); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  int End(int signal);  // sends it and waits; the wait status
  void Signal(int signal) const;
  std::optional<int> Ended();  // the exit code (128 + signal) of a process that ended by itself
  bool Logged(const std::string& text) const;
  std::string LogTail() const;

 private:
  const std::string log_;
  pid_t pid_ = -1;
  std::optional<int> ended_;
};

}  // namespace purser::integration
