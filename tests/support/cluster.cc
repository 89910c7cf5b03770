#include "support/cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace purser::support {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

// The programs may have to be built first.
constexpr auto kReadyTimeout = std::chrono::minutes(25);
constexpr auto kStopTimeout = std::chrono::seconds(30);

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    Close(read);
    Close(write);
  }
  static void Close(int& file) {
    if (file >= 0) close(file);
    file = -1;
  }
};

pid_t Spawn(const std::vector<std::string>& command, const std::vector<std::string>& added, int in,
            int out, int err) {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable)
    environment.emplace_back(*variable);
  environment.insert(environment.begin(), added.begin(),
                     added.end());  // the first of a name counts
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  pid_t pid = -1;
  const int problem = posix_spawnp(&pid, command[0].c_str(), &actions, nullptr,
                                   Pointers(command).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) throw std::runtime_error(command[0] + ": " + std::strerror(problem));
  return pid;
}

int CodeOf(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

std::string Tail(const fs::path& path, int lines) {
  std::ifstream stream(path);
  std::deque<std::string> last;
  for (std::string line; std::getline(stream, line);) {
    last.push_back(line);
    if (last.size() > static_cast<std::size_t>(lines)) last.pop_front();
  }
  std::string text;
  for (const auto& line : last) text += line + "\n";
  return text;
}

}  // namespace

ProgramResult RunToEnd(const std::vector<std::string>& command, const std::string& input,
                       const std::vector<std::string>& environment) {
  Pipe in;
  Pipe out;
  Pipe err;
  signal(SIGPIPE, SIG_IGN);
  const pid_t pid = Spawn(command, environment, in.read, out.write, err.write);
  Pipe::Close(in.read);
  Pipe::Close(out.write);
  Pipe::Close(err.write);
  fcntl(in.write, F_SETFL, O_NONBLOCK);
  ProgramResult result;
  std::size_t written = 0;
  if (input.empty()) Pipe::Close(in.write);
  while (out.read >= 0 || err.read >= 0) {
    pollfd waiting[3] = {{out.read, POLLIN, 0}, {err.read, POLLIN, 0}, {in.write, POLLOUT, 0}};
    if (poll(waiting, 3, -1) < 0) continue;
    char buffer[8192];
    int* const files[2] = {&out.read, &err.read};
    std::string* const texts[2] = {&result.out, &result.err};
    for (int i = 0; i < 2; ++i) {
      if (waiting[i].revents == 0) continue;
      const ssize_t count = read(*files[i], buffer, sizeof(buffer));
      if (count > 0) texts[i]->append(buffer, static_cast<std::size_t>(count));
      if (count == 0) Pipe::Close(*files[i]);
    }
    if (waiting[2].revents != 0) {
      const ssize_t count = write(in.write, input.data() + written, input.size() - written);
      if (count > 0) written += static_cast<std::size_t>(count);
      if (written == input.size() || (count < 0 && errno != EAGAIN)) Pipe::Close(in.write);
    }
  }
  int status = 0;
  waitpid(pid, &status, 0);
  result.code = CodeOf(status);
  return result;
}

std::uint16_t FreePort() {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(file, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(file, reinterpret_cast<sockaddr*>(&address), &size);
  close(file);
  return ntohs(address.sin_port);
}

Cluster::Cluster(const std::string& level, const std::string& crds) {
  std::string pattern = fs::temp_directory_path() / "purser-cluster-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error("cannot make a folder in " + pattern);
  directory_ = pattern;
  const std::string log = directory_ + "/serve.log";
  const int log_file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::vector<std::string> command{"python3",  PURSER_SOURCE_DIR "/tests/cluster/cluster.py",
                                   "serve",    "--dir",
                                   directory_, "--level",
                                   level,      "--stdin-eof"};
  if (!crds.empty()) command.insert(command.end(), {"--crds", crds});
  Pipe in;
  Pipe out;
  pid_ = Spawn(command, {}, in.read, out.write, log_file);
  close(log_file);
  Pipe::Close(out.write);
  stdin_ = std::exchange(in.write, -1);

  std::string line;
  const auto deadline = Steady::now() + kReadyTimeout;
  while (line.find('\n') == std::string::npos) {
    pollfd waiting{out.read, POLLIN, 0};
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Steady::now()).count();
    char buffer[4096];
    const int ready = poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready < 0) continue;
    const ssize_t count = ready == 0 ? 0 : read(out.read, buffer, sizeof(buffer));
    if (count <= 0) {
      const std::string tails = Tail(log, 40) + LogTails();
      Stop();
      throw std::runtime_error("the local cluster did not get ready:\n" + tails);
    }
    line.append(buffer, static_cast<std::size_t>(count));
  }
  const auto ready = nlohmann::json::parse(line);
  kubeconfig_ = ready.at("kubeconfig").get<std::string>();
  bin_ = ready.at("bin").get<std::string>();
  server_ = ready.at("apiServer").get<std::string>();
}

Cluster::~Cluster() { Stop(); }

void Cluster::Stop() {
  if (stdin_ >= 0) close(stdin_);
  stdin_ = -1;
  const auto deadline = Steady::now() + kStopTimeout;
  while (pid_ > 0) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) break;
    if (Steady::now() > deadline) {
      kill(pid_, SIGKILL);
      waitpid(pid_, &status, 0);
      break;
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  pid_ = -1;
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

ProgramResult Cluster::Kubectl(std::vector<std::string> arguments, const std::string& input) const {
  arguments.insert(arguments.begin(), {bin_ + "/kubectl", "--kubeconfig=" + kubeconfig_,
                                       "--cache-dir=" + directory_ + "/kubectl-cache"});
  return RunToEnd(arguments, input);
}

std::string Cluster::LogTails(int lines) const {
  std::string text;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory_ + "/logs", ignored)) {
    text += "--- " + entry.path().filename().string() + "\n" + Tail(entry.path(), lines);
  }
  return text;
}

Cluster& SharedCluster(const std::string& level) {
  static Cluster cluster(level);
  return cluster;
}

SecondEtcd::SecondEtcd(const Cluster& cluster)
    : cluster_(cluster), data_(cluster.directory() + "/second-etcd") {
  const auto peer = "http://127.0.0.1:" + std::to_string(FreePort());
  url_ = "http://127.0.0.1:" + std::to_string(FreePort());
  command_ = {cluster.bin() + "/etcd",
              "--name=second",
              "--data-dir=" + data_,
              "--listen-client-urls=" + url_,
              "--advertise-client-urls=" + url_,
              "--listen-peer-urls=" + peer,
              "--initial-advertise-peer-urls=" + peer,
              "--initial-cluster=second=" + peer,
              "--unsafe-no-fsync",
              "--log-level=warn"};
  Start();
}

SecondEtcd::~SecondEtcd() { Stop(); }

void SecondEtcd::Start() {
  const int log = open((cluster_.directory() + "/logs/second-etcd.log").c_str(),
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_ = Spawn(command_, {}, null, log, log);
  close(log);
  close(null);
}

void SecondEtcd::Stop() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void SecondEtcd::Snapshot() {
  Stop();
  fs::remove_all(data_ + "-snapshot");
  fs::copy(data_, data_ + "-snapshot", fs::copy_options::recursive);
  Start();
}

void SecondEtcd::Restore() {
  Stop();
  fs::remove_all(data_);
  fs::copy(data_ + "-snapshot", data_, fs::copy_options::recursive);
  Start();
}

SecondApiServer::SecondApiServer(const Cluster& cluster, const std::string& etcd,
                                 const std::string& program)
    : cluster_(cluster), port_(FreePort()) {
  // The same command line as the first, on another port.
  std::ifstream records(cluster.directory() + "/processes.json");
  for (const auto& record : nlohmann::json::parse(records)) {
    if (record.at("name") != "kube-apiserver") continue;
    std::ifstream line("/proc/" + std::to_string(record.at("pid").get<int>()) + "/cmdline");
    for (std::string argument; std::getline(line, argument, '\0');) {
      if (argument.starts_with("--secure-port="))
        argument = "--secure-port=" + std::to_string(port_);
      if (!etcd.empty() && argument.starts_with("--etcd-servers="))
        argument = "--etcd-servers=" + etcd;
      command_.push_back(argument);
    }
  }
  if (command_.empty()) throw std::runtime_error("the cluster has no kube-apiserver");
  if (!program.empty()) command_.front() = program;
}

SecondApiServer::~SecondApiServer() { Kill(); }

std::string SecondApiServer::server() const { return "https://127.0.0.1:" + std::to_string(port_); }

void SecondApiServer::Start() {
  const int log = open((cluster_.directory() + "/logs/second-apiserver.log").c_str(),
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_ = Spawn(command_, {}, null, log, log);
  close(log);
  close(null);
  const auto deadline = Steady::now() + std::chrono::seconds(90);
  while (cluster_.Kubectl({"--server=" + server(), "get", "--raw=/readyz"}).code != 0) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("the second API server ended:\n" + cluster_.LogTails());
    }
    if (Steady::now() > deadline)
      throw std::runtime_error("the second API server is not ready:\n" + cluster_.LogTails());
    std::this_thread::sleep_for(milliseconds(50));
  }
}

void SecondApiServer::Pause() { kill(pid_, SIGSTOP); }

std::string SecondApiServer::WriteKubeconfig(const std::string& folder) const {
  std::ifstream original(cluster_.kubeconfig());
  std::string text{std::istreambuf_iterator<char>(original), {}};
  const auto at = text.find(cluster_.server());
  if (at == std::string::npos) throw std::runtime_error("the kubeconfig names another server");
  text.replace(at, cluster_.server().size(), server());
  const std::string path = folder + "/second.kubeconfig";
  std::ofstream(path) << text;
  return path;
}

void SecondApiServer::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace purser::support
