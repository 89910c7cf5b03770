#include "kube/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

namespace purser::kube {
namespace {

constexpr std::size_t kMaxOutput = 1 << 20;
constexpr std::size_t kShownErrorBytes = 500;

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (pipe2(ends, O_CLOEXEC) != 0) ends[0] = ends[1] = -1;
  }
  ~Pipe() {
    CloseWrite();
    if (ends[0] >= 0) close(ends[0]);
  }
  void CloseWrite() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
};

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

class Child {
 public:
  // 0 or an errno.
  int Start(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output.ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, errors.ends[1], 2);
    posix_spawnattr_init(&attributes);
    // A group of its own, so that its children end with it; and no signal blocked or ignored.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int result = posix_spawnp(&pid_, command[0].c_str(), &actions, &attributes,
                                    Pointers(command).data(), Pointers(environment).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    output.CloseWrite();
    errors.CloseWrite();
    if (result != 0) pid_ = -1;
    return result;
  }

  ~Child() {
    if (pid_ > 0) {
      kill(-pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  // The wait status once it ended.
  bool Ended(int& status) {
    if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
    pid_ = -1;
    return true;
  }

  Pipe output;
  Pipe errors;

 private:
  pid_t pid_ = -1;
};

// False at the end of the pipe.
bool ReadSome(int file, std::string& text, std::size_t keep_last) {
  char buffer[4096];
  const ssize_t count = read(file, buffer, sizeof(buffer));
  if (count < 0) return errno == EINTR;
  if (count == 0) return false;
  text.append(buffer, static_cast<std::size_t>(count));
  if (keep_last > 0 && text.size() > keep_last) text.erase(0, text.size() - keep_last);
  return true;
}

}  // namespace

Result<std::string> RunProgram(const std::vector<std::string>& command,
                               const std::vector<std::string>& environment, Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto remaining = [&] {
    const auto left =
        std::chrono::ceil<Duration>(deadline - std::chrono::steady_clock::now()).count();
    return static_cast<int>(std::max<Duration::rep>(left, 0));
  };
  Child child;
  if (child.output.ends[0] < 0 || child.errors.ends[0] < 0) {
    return Error(ErrorCode::kResourceExhausted, command[0] + ": no file descriptors are left");
  }
  if (const int problem = child.Start(command, environment); problem != 0) {
    return Error(problem == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                 command[0] + ": cannot be started: " + std::generic_category().message(problem));
  }
  std::string output;
  std::string errors;
  pollfd waiting[2] = {{child.output.ends[0], POLLIN, 0}, {child.errors.ends[0], POLLIN, 0}};
  const Error late(ErrorCode::kTimeout,
                   command[0] + ": did not end within " + std::to_string(timeout.count()) + " ms");
  while (waiting[0].fd >= 0 || waiting[1].fd >= 0) {
    const int ready = poll(waiting, 2, remaining());
    if (ready == 0) return late;
    if (ready < 0) continue;  // EINTR
    if (waiting[0].revents != 0 && !ReadSome(waiting[0].fd, output, 0)) waiting[0].fd = -1;
    if (waiting[1].revents != 0 && !ReadSome(waiting[1].fd, errors, kShownErrorBytes))
      waiting[1].fd = -1;
    if (output.size() > kMaxOutput) {
      return Error(ErrorCode::kResourceExhausted,
                   command[0] + ": wrote more than " + std::to_string(kMaxOutput) + " bytes");
    }
  }
  int status = 0;
  while (!child.Ended(status)) {
    if (remaining() == 0) return late;
    std::this_thread::sleep_for(
        std::chrono::milliseconds(1));  // its pipes are closed: it is ending
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    const std::string how = WIFEXITED(status)
                                ? "ended with code " + std::to_string(WEXITSTATUS(status))
                                : "was ended by signal " + std::to_string(WTERMSIG(status));
    return Error(ErrorCode::kUnavailable, command[0] + ": " + how + ": " + errors);
  }
  return output;
}

}  // namespace purser::kube
