// A real Prometheus, or what is read like one, on a free port, with a folder of its own, ended with
// the object. PURSER_ENGINE says which: nothing is the `prometheus` of PATH; prometheus-3 and
// victoria-metrics (under a path, as a cluster's tenants have) are PURSER_ENGINE_PROGRAM.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace purser::support {

struct PrometheusOptions {
  std::chrono::milliseconds scrape_interval{1000};
  std::vector<std::string> targets;  // host:port to scrape
  std::string history;               // OpenMetrics text loaded before the start; empty: none
  std::string web_config;            // contents of --web.config.file; empty: none
  std::string remote_read;           // URL asked for samples besides its own; empty: none
  std::uint16_t port = 0;            // 0: a free one
  std::string folder;  // kept by the caller, e.g. over a restart; empty: a temporary one
};

enum class Engine { kPrometheus, kVictoriaMetrics };

// As PURSER_ENGINE says; for tests of what only one has.
Engine EngineUnderTest();

// Blocks until it is ready. Throws std::runtime_error with its log when it cannot start.
class Prometheus {
 public:
  explicit Prometheus(const PrometheusOptions& options);
  ~Prometheus();
  Prometheus(const Prometheus&) = delete;
  Prometheus& operator=(const Prometheus&) = delete;

  // https when web_config has a tls_server_config. Its path ends before /api/v1.
  std::string url() const {
    return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_) + path_;
  }
  std::uint16_t port() const { return port_; }

  void Kill();   // SIGKILL
  void Pause();  // SIGSTOP: it accepts connections and answers nothing
  void Resume();
  void Start();  // again, after Kill
  // Another remote_read; in force a moment later.
  void ReloadWithRemoteRead(const std::string& url);

  std::string LogTail(int lines = 30) const;

 private:
  void WriteConfig() const;
  std::vector<std::string> Command() const;
  void LoadBlocks() const;
  void Import() const;
  void WaitUntilReady();

  PrometheusOptions options_;
  Engine engine_;
  std::string path_;
  std::string folder_;
  bool own_folder_ = false;
  bool web_config_ = false;
  bool tls_ = false;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace purser::support
