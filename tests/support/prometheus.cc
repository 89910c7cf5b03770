#include "support/prometheus.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmath>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "support/cluster.h"

namespace purser::support {
namespace {

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file) throw std::runtime_error("cannot write " + path);
}

constexpr const char* kTenantPath = "/select/0/prometheus";

std::string Environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

// What the server says to a request, as far as one read goes; "" when nobody answers.
std::string Exchange(std::uint16_t port, const std::string& request) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  char answer[64] = {};
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    std::size_t sent = 0;
    while (sent < request.size()) {
      const auto part = write(connection, request.data() + sent, request.size() - sent);
      if (part <= 0) break;
      sent += static_cast<std::size_t>(part);
    }
    if (read(connection, answer, sizeof answer - 1) <= 0) answer[0] = '\0';
  }
  close(connection);
  return answer;
}

// Of "HTTP/1.1 200 OK"; "" when there is none.
std::string StatusOf(const std::string& answer) {
  return answer.size() > 12 ? answer.substr(9, 3) : "";
}

bool Ready(std::uint16_t port, const std::string& page) {
  const auto status = StatusOf(Exchange(port, "GET " + page + " HTTP/1.0\r\n\r\n"));
  return status == "200" || status == "401" || status == "400";  // it wants credentials, or TLS
}

// OpenMetrics has seconds and an end; VictoriaMetrics takes milliseconds.
std::string InMilliseconds(const std::string& open_metrics) {
  std::istringstream lines(open_metrics);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    const auto at = line.rfind(' ');
    const auto milliseconds = std::llround(std::stod(line.substr(at + 1)) * 1000);
    text += line.substr(0, at + 1) + std::to_string(milliseconds) + "\n";
  }
  return text;
}

}  // namespace

Engine EngineUnderTest() {
  const auto name = Environment("PURSER_ENGINE");
  return name == "victoria-metrics" ? Engine::kVictoriaMetrics : Engine::kPrometheus;
}

Prometheus::Prometheus(const PrometheusOptions& options)
    : options_(options),
      engine_(EngineUnderTest()),
      path_(engine_ == Engine::kVictoriaMetrics ? kTenantPath : ""),
      folder_(options.folder),
      web_config_(!options.web_config.empty()),
      tls_(options.web_config.find("tls_server_config") != std::string::npos),
      port_(options.port) {
  if (folder_.empty()) {
    std::string pattern = std::filesystem::temp_directory_path() / "purser-prometheus-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
    own_folder_ = true;
  }
  if (port_ == 0) port_ = FreePort();
  WriteConfig();
  if (web_config_) WriteFile(folder_ + "/web.yml", options.web_config);
  if (!options.history.empty() && engine_ == Engine::kPrometheus) LoadBlocks();
  Start();
  if (!options.history.empty() && engine_ == Engine::kVictoriaMetrics) Import();
}

void Prometheus::LoadBlocks() const {
  WriteFile(folder_ + "/history.txt", options_.history);
  const auto made = RunToEnd({"promtool", "tsdb", "create-blocks-from", "openmetrics",
                              folder_ + "/history.txt", folder_ + "/data"});
  if (made.code != 0) throw std::runtime_error("promtool: " + made.err + made.out);
}

void Prometheus::Import() const {
  const auto text = InMilliseconds(options_.history);
  const auto head = "POST " + path_ + "/api/v1/import/prometheus HTTP/1.0\r\nContent-Length: " +
                    std::to_string(text.size()) + "\r\n\r\n";
  const auto status = StatusOf(Exchange(port_, head + text));
  if (status != "204") throw std::runtime_error("history is refused: " + status + "\n" + LogTail());
  // What was taken can be asked for only after this.
  Exchange(port_, "GET " + path_ + "/internal/force_flush HTTP/1.0\r\n\r\n");
}

Prometheus::~Prometheus() {
  Kill();
  if (own_folder_) std::filesystem::remove_all(folder_);
}

void Prometheus::WriteConfig() const {
  const auto interval = std::to_string(options_.scrape_interval.count()) + "ms";
  std::string config =
      "global: {scrape_interval: " + interval + ", scrape_timeout: " + interval + "}\n";
  if (!options_.targets.empty()) {
    config +=
        "scrape_configs:\n- job_name: agents\n  honor_labels: true\n  static_configs:\n  - "
        "targets: [";
    for (const auto& target : options_.targets) config += "\"" + target + "\",";
    config += "]\n";
  }
  if (!options_.remote_read.empty()) {
    config += "remote_read: [{url: \"" + options_.remote_read + "\", read_recent: true}]\n";
  }
  WriteFile(folder_ + "/prometheus.yml", config);
}

void Prometheus::ReloadWithRemoteRead(const std::string& url) {
  options_.remote_read = url;
  WriteConfig();
  kill(pid_, SIGHUP);
}

std::vector<std::string> Prometheus::Command() const {
  const auto given = Environment("PURSER_ENGINE_PROGRAM");
  const auto config = folder_ + "/prometheus.yml";
  const auto address = "127.0.0.1:" + std::to_string(port_);
  if (engine_ == Engine::kVictoriaMetrics) {
    return {given,
            "-promscrape.config=" + config,
            "-storageDataPath=" + folder_ + "/data",
            "-retentionPeriod=10y",
            "-memory.allowedBytes=128MiB",
            "-http.pathPrefix=" + path_,
            "-httpListenAddr=" + address};
  }
  std::vector<std::string> command = {
      given.empty() ? "prometheus" : given, "--config.file=" + config,
      "--storage.tsdb.path=" + folder_ + "/data", "--storage.tsdb.retention.time=10y",
      "--web.listen-address=" + address};
  if (web_config_) command.push_back("--web.config.file=" + folder_ + "/web.yml");
  return command;
}

void Prometheus::Start() {
  auto command = Command();
  std::vector<char*> arguments;
  for (auto& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string log = folder_ + "/log";
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    // Ends with the test's process, however that ends.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(file, 1);
    dup2(file, 2);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  WaitUntilReady();
}

void Prometheus::WaitUntilReady() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const auto page = engine_ == Engine::kVictoriaMetrics ? path_ + "/health" : "/-/ready";
  while (!Ready(port_, page)) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("prometheus ended at once:\n" + LogTail());
    }
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("prometheus is not ready:\n" + LogTail());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void Prometheus::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void Prometheus::Pause() { kill(pid_, SIGSTOP); }
void Prometheus::Resume() { kill(pid_, SIGCONT); }

std::string Prometheus::LogTail(int lines) const {
  std::ifstream file(folder_ + "/log");
  std::deque<std::string> tail;
  for (std::string line; std::getline(file, line);) {
    tail.push_back(line);
    if (tail.size() > static_cast<std::size_t>(lines)) tail.pop_front();
  }
  std::string text;
  for (const auto& line : tail) text += line + "\n";
  return text;
}

}  // namespace purser::support
