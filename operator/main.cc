// The command line; everything else is in app/.
#include <malloc.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "api/config.h"
#include "app/backtest.h"
#include "app/journal.h"
#include "app/restore.h"
#include "app/run.h"
#include "app/signals.h"
#include "app/version.h"
#include "base/clock.h"
#include "base/small_file.h"
#include "kube/access.h"
#include "net/cpprest/cpprest_transport.h"
#include "net/server/http_server.h"
#include "observability/logging.h"
#include "plugin/command_line.h"
#include "policy/window.h"

namespace {

constexpr std::size_t kMaxManifestBytes = 1 << 20;

int Fail(const purser::Error& error) {
  std::fprintf(stderr, "purser: %s\n", error.message().c_str());
  return error.code() == purser::ErrorCode::kInvalidArgument ? 2 : 1;
}

int RunWork(const std::function<purser::Status(std::stop_token)>& work) {
  signal(SIGPIPE, SIG_IGN);
  const auto done = purser::app::RunUntilSignal([&](std::stop_token stop) {
    purser::net::InitializeThreads();
    return work(stop);
  });
  return done.ok() ? 0 : Fail(done.error());
}

purser::Status CheckWindow(const purser::api::WindowSpec& window) {
  const auto computed = purser::policy::WindowAt(purser::SystemClock().Now(), window);
  if (!computed) return computed.error();
  return purser::Ok();
}

int Validate(const std::vector<std::string>& files) {
  std::size_t findings = 0;
  for (const auto& file : files) {
    const auto text = purser::ReadSmallFile(file, kMaxManifestBytes);
    if (!text) {
      const bool large = text.error().code() == purser::ErrorCode::kResourceExhausted;
      std::fprintf(stderr, "%s%s\n", text.error().message().c_str(),
                   large ? "; split it into several files" : "");
      ++findings;
      continue;
    }
    for (const auto& finding : purser::api::ValidateFile(*text, file, CheckWindow)) {
      std::fprintf(stderr, "%s: %s\n", finding.location.c_str(), finding.message.c_str());
      ++findings;
    }
  }
  if (findings == 0) std::printf("%zu file%s valid\n", files.size(), files.size() == 1 ? "" : "s");
  return findings == 0 ? 0 : 1;
}

int PrintJournal(const purser::app::JournalOptions& options) {
  const auto journal = purser::app::ReadJournal(options, purser::SystemClock().Now());
  if (!journal) return Fail(journal.error());
  std::fprintf(stderr, "%s", journal->notes.c_str());
  std::fwrite(journal->text.data(), 1, journal->text.size(), stdout);
  return 0;
}

purser::Result<std::shared_ptr<void>> ServePage(std::uint16_t& port,
                                                purser::plugin::PageHandler handler) {
  auto server = purser::net::HttpServer::Start(
      "127.0.0.1:" + std::to_string(port),
      [handler = std::move(handler)](const purser::net::ServerRequest& request) {
        if (request.method != "GET")
          return purser::net::ServerResponse{405, "text/plain; charset=utf-8", "only GET\n"};
        auto answer = handler(request.path);
        return purser::net::ServerResponse{answer.status, std::move(answer.content_type),
                                           std::move(answer.body)};
      });
  if (!server) return server.error();
  port = (*server)->port();
  return std::shared_ptr<void>(std::move(*server));
}

int RunCommandLine(int argc, char** argv) {
  CLI::App cli{"Purser keeps AI agents within budget: a Kubernetes operator."};
  cli.require_subcommand(1);
  std::string log_level = "info";
  std::string log_format = "text";
  cli.add_option("--log-level", log_level, "trace, debug, info, warn or error")
      ->capture_default_str();
  cli.add_option("--log-format", log_format, "text or json")->capture_default_str();

  purser::app::RunOptions run_options;
  auto* run = cli.add_subcommand("run", "Run the operator");
  run->add_option("--config", run_options.config_file, "OperatorConfig file")->required();
  run->add_option(
      "--kubeconfig", run_options.kubeconfig,
      "kubeconfig file (otherwise $KUBECONFIG, the Pod's service account, ~/.kube/config)");
  run->add_flag("--ephemeral-ledger", run_options.ephemeral_ledger,
                "The ledger ends with this pod: a new one leads without being accepted");

  std::vector<std::string> files;
  auto* validate =
      cli.add_subcommand("validate", "Check manifests and configuration, without a cluster");
  validate->add_option("FILE", files, "YAML files")->required();

  purser::app::RestoreOptions restore_options;
  std::string restore_kubeconfig;
  int restore_timeout_seconds = 120;
  const auto add_restore = [&](const char* name) {
    auto* command = cli.add_subcommand(
        name, "Restore every replica and limit that was taken; the operator must be stopped");
    command->add_option("--kubeconfig", restore_kubeconfig, "kubeconfig file");
    command->add_option("--namespace", restore_options.namespaces,
                        "only these namespaces (may be repeated)");
    command->add_option("--forget-lease", restore_options.forget_lease,
                        "NAMESPACE/NAME of the operator's Lease, to forget its ledger at the end");
    command->add_option("--stop-statefulset", restore_options.stop_stateful_set,
                        "NAMESPACE/NAME of the operator's StatefulSet, scaled to 0 first");
    command->add_option("--timeout-seconds", restore_timeout_seconds, "give up after this long")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    return command;
  };
  const auto* restore = add_restore("restore");
  const auto* release = add_restore("release")->group("");  // its former name, not shown

  purser::app::JournalOptions journal_options;
  auto* journal = cli.add_subcommand("journal",
                                     "Tell why the money was booked, held or taken back; reads the "
                                     "ledger beside a running operator");
  journal->add_option("--config", journal_options.config_file, "OperatorConfig file")->required();
  journal->add_option("--budget", journal_options.budget,
                      "NAMESPACE/NAME of a budget: entries of its namespace");
  journal->add_option("--agent", journal_options.agents,
                      "NAMESPACE/NAME of an agent (may be repeated)");
  journal->add_option("--since", journal_options.since,
                      "a time (2026-11-27T10:00:00Z) or how long ago (2h)");
  journal->add_flag("--held", journal_options.held, "only what is held in doubt now");
  journal->add_option("-o,--output", journal_options.output, "text or json (one object a line)")
      ->capture_default_str();
  journal->add_option("--limit", journal_options.most, "so many of the newest entries")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();

  purser::app::BacktestOptions backtest_options;
  auto* backtest = cli.add_subcommand(
      "backtest", "What budgets would have done to usage that was, without a cluster");
  backtest
      ->add_option("--budget,--pools", backtest_options.manifests,
                   "YAML files of AgentBudgets and AgentPools (may be repeated)")
      ->required();
  backtest->add_option("--usage", backtest_options.usage, "calls: JSON records or CSV")->required();
  backtest->add_option("-n,--namespace", backtest_options.ns, "of calls that name none")
      ->capture_default_str();
  backtest->add_option("--poll-seconds", backtest_options.poll_seconds, "as the source's interval")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  backtest->add_option("--limits", backtest_options.limits, "other limits, side by side")
      ->delimiter(',');
  backtest
      ->add_option("--refuse-at-most", backtest_options.refuse_at_most,
                   "suggest the least limit that refuses at most so many percent of the calls")
      ->check(CLI::Range(0, 100));
  backtest->add_option("--svg", backtest_options.svg, "write a picture to this file");
  backtest->add_option("-o,--output", backtest_options.output, "json");

  purser::app::TryOptions try_options;
  auto* attempt = cli.add_subcommand(
      "try", "Half a minute of a day with five agents and a runaway: no cluster, no key");
  attempt->add_flag("--fast", try_options.fast, "the day's end alone, at once");
  attempt->add_option("--svg", try_options.svg, "write a picture to this file");

  auto* version = cli.add_subcommand("version", "Print version, commit and libraries");
  CLI11_PARSE(cli, argc, argv);

  if (const auto logging = purser::observability::SetUpLogging(log_level, log_format);
      !logging.ok()) {
    return Fail(logging.error());
  }
  if (*version) {
    std::printf("%s", purser::app::VersionText().c_str());
    return 0;
  }
  if (*validate) return Validate(files);
  if (*journal) return PrintJournal(journal_options);
  if (*backtest) {
    const auto told = purser::app::Backtest(backtest_options);
    if (!told) return Fail(told.error());
    std::fwrite(told->data(), 1, told->size(), stdout);
    return 0;
  }
  if (*attempt) {
    const auto done = purser::app::Try(try_options);
    return done.ok() ? 0 : Fail(done.error());
  }
  if (*restore || *release) {
    return RunWork([&](std::stop_token stop) -> purser::Status {
      auto access = purser::kube::DefaultAccess(restore_kubeconfig);
      if (!access) return access.error();
      restore_options.access = std::move(*access);
      restore_options.timeout = std::chrono::seconds(restore_timeout_seconds);
      return purser::app::Restore(restore_options, stop);
    });
  }
  return RunWork([&](std::stop_token stop) { return purser::app::RunOperator(run_options, stop); });
}

}  // namespace

int main(int argc, char** argv) {
  // One arena and an early return of freed pages: the operator's memory is what it holds, not what
  // it once used. NOLINTBEGIN(concurrency-mt-unsafe): there is no other thread yet.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 512 * 1024);
  // NOLINTEND(concurrency-mt-unsafe)
  try {
    if (purser::plugin::IsPluginName(argv[0])) {
      purser::net::InitializeThreads();
      return purser::plugin::RunPlugin(
          argc, argv,
          [](const purser::kube::Access& access) {
            return purser::net::MakeCpprestTransport({access.tls, access.proxy_url, true});
          },
          ServePage);
    }
    return RunCommandLine(argc, argv);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "purser: %s\n", exception.what());
    return 1;
  }
}
