#include "control_plane.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

namespace purser {
namespace {

// The programs may have to be built first: minutes, once.
constexpr std::chrono::seconds kStart{240};
constexpr std::chrono::seconds kEnd{20};

std::vector<char*> Pointers(std::vector<std::string>& command) {
  std::vector<char*> pointers;
  for (auto& word : command) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Starts `command` with the given descriptors as its standard streams.
pid_t Start(std::vector<std::string> command, int in, int out, int err) {
  auto words = Pointers(command);
  const pid_t process = fork();
  if (process != 0) return process;
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  // All the rest is opened with close-on-exec.
  execvp(words[0], words.data());
  _exit(127);
}

int ExitCode(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// One line; nothing when the deadline passes or the stream ends before it.
std::string ReadLine(int descriptor, std::chrono::steady_clock::time_point deadline) {
  std::string line;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd ready{descriptor, POLLIN, 0};
    if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0) return "";
    char c = '\0';
    if (read(descriptor, &c, 1) != 1) return "";
    if (c == '\n') return line;
    line += c;
  }
}

std::string TextOf(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

}  // namespace

CommandResult RunCommand(const std::vector<std::string>& command, const std::string& input) {
  // Through files, so that neither side can wait for the other.
  std::FILE* in = std::tmpfile();
  std::FILE* out = std::tmpfile();
  CommandResult result;
  if (in != nullptr && out != nullptr) {
    std::fwrite(input.data(), 1, input.size(), in);
    std::rewind(in);
    result.exit_code = ExitCode(Start(command, fileno(in), fileno(out), fileno(out)));
    std::rewind(out);
    std::array<char, 4096> buffer{};
    for (std::size_t count = 0; (count = std::fread(buffer.data(), 1, buffer.size(), out)) > 0;) {
      result.output.append(buffer.data(), count);
    }
  }
  if (in != nullptr) std::fclose(in);
  if (out != nullptr) std::fclose(out);
  return result;
}

ControlPlane::ControlPlane() {
  std::string name = std::filesystem::temp_directory_path() / "purser-crds-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    error_ = "no temporary folder";
    return;
  }
  folder_ = name;
  std::array<int, 2> in{}, out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) {
    error_ = "no pipe";
    return;
  }
  const int log = open((folder_ / "cluster.log").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  process_ = Start({"python3", PURSER_SOURCE_DIR "/tests/cluster/cluster.py", "serve", "--dir",
                    folder_ / "cluster", "--level", "control-plane", "--crds",
                    PURSER_SOURCE_DIR "/crds", "--stdin-eof"},
                   in[0], out[1], log);
  close(in[0]);
  close(out[1]);
  close(log);
  stdin_ = in[1];
  const auto line = ReadLine(out[0], std::chrono::steady_clock::now() + kStart);
  close(out[0]);
  const auto ready = nlohmann::json::parse(line, nullptr, false);
  if (!ready.is_object()) {
    error_ = "the cluster did not start:\n" + TextOf(folder_ / "cluster.log");
    return;
  }
  kubeconfig_ = ready.value("kubeconfig", "");
  kubectl_ = ready.value("bin", "") + "/kubectl";
}

ControlPlane::~ControlPlane() {
  if (stdin_ >= 0) close(stdin_);
  const auto deadline = std::chrono::steady_clock::now() + kEnd;
  while (process_ > 0 && waitpid(process_, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  if (testing::UnitTest::GetInstance()->Failed()) {
    std::cerr << "cluster.log:\n" << TextOf(folder_ / "cluster.log") << std::endl;
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

CommandResult ControlPlane::Kubectl(std::vector<std::string> arguments,
                                    const std::string& input) const {
  arguments.insert(arguments.begin(),
                   {kubectl_, "--kubeconfig", kubeconfig_, "--cache-dir", folder_ / "cache"});
  return RunCommand(arguments, input);
}

}  // namespace purser
