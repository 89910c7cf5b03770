#include "plugin/command_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/text_form.h"
#include "base/clock.h"
#include "kube/client.h"
#include "plugin/completion.h"
#include "plugin/explain.h"
#include "plugin/grants.h"
#include "plugin/orders.h"
#include "plugin/output.h"
#include "plugin/overview.h"
#include "plugin/session.h"

namespace purser::plugin {
namespace {

constexpr std::chrono::seconds kLookEvery{2};
constexpr std::string_view kCompletionName = "kubectl_complete-purser";

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 failed, 2 wrong usage or refused as invalid, 3 not allowed, 4 not "
    "found.";

std::string_view BaseName(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

int CodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 2;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnauthenticated:
      return 3;
    case ErrorCode::kNotFound:
      return 4;
    default:
      return 1;
  }
}

int Fail(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.message().c_str());
  return CodeOf(error.code());
}

int Tell(const Result<std::string>& told) {
  if (!told) return Fail(told.error());
  std::printf("%s%s", told->c_str(), told->ends_with('\n') ? "" : "\n");
  return 0;
}

struct Options {
  std::string kubeconfig;
  std::string context;
  std::string ns;
  bool all_namespaces = false;
  std::string output;
  bool watch = false;
  bool all = false;
  std::string kind;
  std::string name;
  std::string reason;
  TopUp topup;
  Correction correction;
  bool reject = false;
  std::int64_t doubt = 0;
  std::uint16_t port = 0;
};

struct Verbs {
  CLI::App* status;
  CLI::App* top;
  CLI::App* explain;
  CLI::App* requests;
  CLI::App* topup;
  CLI::App* approve;
  CLI::App* deny;
  CLI::App* correct;
  CLI::App* stop;
  CLI::App* restore;
  CLI::App* pause;
  CLI::App* resume;
  CLI::App* dashboard;
};

void AddOutput(CLI::App* verb, Options& options) {
  verb->add_flag("-A,--all-namespaces", options.all_namespaces, "of every namespace");
  verb->add_option("-o,--output", options.output, "wide, json or yaml");
}

void AddReason(CLI::App* verb, std::string& reason) {
  verb->add_option("--reason", reason, "why, for whoever reads it later; asked for on a terminal");
}

Verbs AddVerbs(CLI::App& cli, Options& options) {
  Verbs verbs{};
  verbs.status = cli.add_subcommand("status", "Pools and budgets at a glance");
  verbs.top = cli.add_subcommand("top", "Agents, those that spend fastest first");
  for (auto* each : {verbs.status, verbs.top}) {
    AddOutput(each, options);
    each->add_flag("-w,--watch", options.watch, "look again every two seconds");
  }
  verbs.explain = cli.add_subcommand("explain", "Why it is as it is, and the way out");
  verbs.explain->add_option("KIND", options.kind, "pool, budget or agent")
      ->required()
      ->check(CLI::IsMember({"pool", "budget", "agent"}));
  verbs.explain->add_option("NAME", options.name)->required();

  verbs.topup = cli.add_subcommand("topup", "Ask for more of a budget, for a while");
  verbs.topup->add_option("BUDGET", options.topup.budget)->required();
  verbs.topup->add_option("AMOUNT", options.topup.amount, "in the budget's unit")->required();
  verbs.topup->add_flag("--set", options.topup.set, "instead of the limit, not on top of it");
  verbs.topup->add_option("--agent", options.topup.agent, "for this agent alone (per: Agent)");
  verbs.topup->add_option("--until", options.topup.until,
                          "a time or a duration; otherwise the next reset");
  AddReason(verbs.topup, options.topup.reason);
  verbs.requests = cli.add_subcommand("requests", "What waits for a decision");
  AddOutput(verbs.requests, options);
  verbs.requests->add_flag("--all", options.all, "what was decided, too");
  verbs.approve = cli.add_subcommand("approve", "Grant an override or a correction");
  verbs.deny = cli.add_subcommand("deny", "Refuse an override or a correction");
  for (auto* each : {verbs.approve, verbs.deny})
    each->add_option("NAME", options.name, "NAME, override/NAME or correction/NAME")->required();
  AddReason(verbs.deny, options.reason);
  verbs.correct = cli.add_subcommand("correct", "Correct what was booked, or decide about a doubt");
  verbs.correct->add_option("--agent", options.correction.agent);
  verbs.correct->add_option("--amount", options.correction.amount, "signed, USD");
  verbs.correct->add_option("--at", options.correction.at, "the moment it is booked at; now");
  verbs.correct->add_option("--model", options.correction.model);
  verbs.correct->add_option("--source", options.correction.source, "default");
  verbs.correct->add_option("--doubt", options.doubt, "the number of what is held")
      ->check(CLI::PositiveNumber);
  auto* accept = verbs.correct->add_flag("--accept", options.correction.accept, "it was spent");
  verbs.correct->add_flag("--reject", options.reject, "it was not")->excludes(accept);
  AddReason(verbs.correct, options.correction.reason);

  verbs.stop = cli.add_subcommand("stop", "Stop a pool now, whatever was spent");
  verbs.restore =
      cli.add_subcommand("restore", "End a stop, or let a pool go on that waits for it");
  for (auto* each : {verbs.stop, verbs.restore}) each->add_option("POOL", options.name)->required();
  AddReason(verbs.stop, options.reason);
  verbs.pause = cli.add_subcommand("pause", "Let a budget count and hold nobody (Audit)");
  verbs.resume = cli.add_subcommand("resume", "Enforce a budget again");
  for (auto* each : {verbs.pause, verbs.resume})
    each->add_option("BUDGET", options.name)->required();
  verbs.dashboard = cli.add_subcommand("dashboard", "The live page, on this machine, until Ctrl-C");
  verbs.dashboard->add_flag("-A,--all-namespaces", options.all_namespaces, "of every namespace");
  verbs.dashboard->add_option("--port", options.port, "on 127.0.0.1; otherwise a free one");
  return verbs;
}

// From the flag, or the person at the terminal.
Result<std::string> ReasonFor(std::string given) {
  if (given.empty() && isatty(STDIN_FILENO) == 1) {
    std::fprintf(stderr, "Reason: ");
    std::getline(std::cin, given);
  }
  if (!given.empty()) return given;
  return Error(ErrorCode::kInvalidArgument, "--reason is missing: say why, others will read it");
}

Result<std::string> StatusText(Session& session, const Options& options, Format format) {
  const auto budgets = session.List(Budgets());
  if (!budgets) return budgets.error();
  const auto pools = session.List(Pools());
  if (!pools) return pools.error();
  if (format == Format::kJson || format == Format::kYaml) {
    auto both = *budgets;
    both.insert(both.end(), pools->begin(), pools->end());
    return ListText(both, format);
  }
  if (budgets->empty() && pools->empty()) {
    return session.all_namespaces() ? "No budgets or pools in this cluster."
                                    : "No budgets or pools in namespace " + session.ns() + ".";
  }
  const bool colours = isatty(STDOUT_FILENO) == 1;
  const bool wide = format == Format::kWide;
  return Draw(BudgetTable(*budgets, options.all_namespaces, wide), colours) + "\n" +
         Draw(PoolTable(*pools, options.all_namespaces, wide), colours);
}

Result<std::string> TopText(Session& session, const Options& options, Format format) {
  const auto budgets = session.List(Budgets());
  if (!budgets) return budgets.error();
  const auto pools = session.List(Pools());
  if (!pools) return pools.error();
  if (format == Format::kJson || format == Format::kYaml) return ListText(*pools, format);
  const auto table = AgentTable(*pools, *budgets, options.all_namespaces);
  if (table.rows.empty()) return std::string("No agents here.");
  return Draw(table, isatty(STDOUT_FILENO) == 1);
}

Result<std::string> RequestsText(Session& session, const Options& options, Format format) {
  const auto overrides = session.List(Overrides());
  if (!overrides) return overrides.error();
  const auto corrections = session.List(Corrections());
  if (!corrections) return corrections.error();
  if (format == Format::kJson || format == Format::kYaml) {
    auto both = *overrides;
    both.insert(both.end(), corrections->begin(), corrections->end());
    return ListText(both, format);
  }
  const auto table = RequestTable(*overrides, *corrections, options.all_namespaces, options.all);
  if (table.rows.empty()) return std::string("Nothing waits for a decision.");
  return Draw(table, isatty(STDOUT_FILENO) == 1);
}

Result<std::string> ExplainText(Session& session, const Options& options) {
  const auto pools = session.List(Pools());
  if (!pools) return pools.error();
  const auto budgets = session.List(Budgets());
  if (!budgets) return budgets.error();
  if (options.kind == "agent") return ExplainAgent(options.name, *pools, *budgets);
  const bool pool = options.kind == "pool";
  const auto object = session.Get(pool ? Pools() : Budgets(), options.name);
  if (!object) return object.error();
  return pool ? ExplainPool(*object, *budgets) : ExplainBudget(*object, *pools);
}

using Look = Result<std::string> (*)(Session&, const Options&, Format);

int Show(Session& session, const Options& options, Look look) {
  const auto format = ParseFormat(options.output);
  if (!format) return Fail(format.error());
  if (!options.watch) return Tell(look(session, options, *format));
  while (true) {
    const auto told = look(session, options, *format);
    if (!told) return Fail(told.error());
    if (isatty(STDOUT_FILENO) == 1) std::printf("\033[H\033[2J");
    std::printf("%s\n", told->c_str());
    std::fflush(stdout);
    std::this_thread::sleep_for(kLookEvery);
  }
}

int ShowPage(const Session& session, std::uint16_t port, const Serve& serve) {
  const auto state = LiveState::Start(session);
  if (!state) return Fail(state.error());
  const auto secret = NewSecret();
  const auto server = serve(port, MakePageHandler(**state, secret));
  if (!server) return Fail(server.error());
  std::printf("http://127.0.0.1:%u/%s/\n", static_cast<unsigned>(port), secret.c_str());
  std::fflush(stdout);
  while (true) std::this_thread::sleep_for(kLookEvery);
}

int Order(Session& session, const Verbs& verbs, Options& options) {
  const auto now = SystemClock().Now();
  const auto with_reason = [&](std::string& reason, const auto& done) {
    const auto given = ReasonFor(reason);
    if (!given) return Fail(given.error());
    reason = *given;
    return Tell(done());
  };
  if (*verbs.topup) {
    return with_reason(options.topup.reason, [&] { return Ask(session, options.topup, now); });
  }
  if (*verbs.correct) {
    auto& asked = options.correction;
    if (options.doubt != 0) asked.doubt = options.doubt;
    if (asked.doubt.has_value() != (asked.accept || options.reject)) {
      return Fail({ErrorCode::kInvalidArgument,
                   "want --agent and --amount, or --doubt with --accept or --reject"});
    }
    return with_reason(asked.reason, [&] { return Correct(session, asked, now); });
  }
  if (*verbs.approve) return Tell(Approve(session, options.name, now));
  if (*verbs.deny) {
    return with_reason(options.reason,
                       [&] { return Deny(session, options.name, options.reason, now); });
  }
  if (*verbs.stop) {
    return with_reason(options.reason,
                       [&] { return StopPool(session, options.name, options.reason); });
  }
  if (*verbs.restore) return Tell(RestorePool(session, options.name));
  return Tell(*verbs.pause ? PauseBudget(session, options.name)
                           : ResumeBudget(session, options.name));
}

}  // namespace

bool IsPluginName(const char* program) {
  const auto name = BaseName(program);
  return name == "kubectl-purser" || name == kCompletionName;
}

int RunPlugin(int argc, char** argv, const MakeTransport& make_transport, const Serve& serve) {
  const bool completing = BaseName(argv[0]) == kCompletionName;
  CLI::App cli{"Purser keeps AI agents within budget: what they spend, why, and what to do.",
               "kubectl purser"};
  cli.footer(kFooter);
  cli.fallthrough();
  Options options;
  cli.add_option("--kubeconfig", options.kubeconfig, "kubeconfig file");
  cli.add_option("--context", options.context, "context of the kubeconfig");
  cli.add_option("-n,--namespace", options.ns, "namespace; otherwise the context's");
  cli.require_subcommand(1);
  const auto verbs = AddVerbs(cli, options);
  if (!completing) {
    try {
      cli.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return cli.exit(error) == 0 ? 0 : 2;
    }
  }
  const auto access = kube::DefaultAccess(options.kubeconfig, options.context);
  if (!access) return Fail(access.error());
  const auto transport = make_transport(*access);
  if (!transport) return Fail(transport.error());
  kube::Client client(**transport, *access);
  if (options.ns.empty() && !options.all_namespaces) options.ns = access->default_namespace;
  if (const auto wrong = options.all_namespaces ? "" : api::DnsLabel(options.ns); !wrong.empty())
    return Fail(
        {ErrorCode::kInvalidArgument, "--namespace " + api::Quoted(options.ns) + ": " + wrong});
  Session session(client, options.all_namespaces ? "" : options.ns);
  if (completing) {
    std::printf("%s", Complete(session, {argv + 1, argv + argc}).c_str());
    return 0;
  }
  if (*verbs.status) return Show(session, options, StatusText);
  if (*verbs.top) return Show(session, options, TopText);
  if (*verbs.requests) return Show(session, options, RequestsText);
  if (*verbs.dashboard) return ShowPage(session, options.port, serve);
  if (*verbs.explain) return Tell(ExplainText(session, options));
  return Order(session, verbs, options);
}

}  // namespace purser::plugin
