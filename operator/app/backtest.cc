#include "app/backtest.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <thread>
#include <utility>

#include "api/text_form.h"
#include "backtest/manifests.h"
#include "backtest/picture.h"
#include "backtest/replay.h"
#include "backtest/report.h"
#include "backtest/suggestion.h"
#include "backtest/trial_day.h"
#include "backtest/usage_file.h"
#include "base/small_file.h"

namespace purser::app {
namespace {

constexpr std::size_t kLargestManifest = 1 << 20;
constexpr int kFrames = 100;
constexpr std::chrono::milliseconds kFrame{300};

Status WritePicture(const backtest::Replayed& replayed, const std::string& path) {
  if (path.empty()) return Ok();
  std::ofstream file(path, std::ios::trunc);
  file << backtest::PictureOf(replayed);
  file.close();
  if (file) return Ok();
  return Error(ErrorCode::kUnavailable, "--svg " + api::Quoted(path) + " cannot be written");
}

Result<std::vector<Quantity>> LimitsOf(const BacktestOptions& options, Unit unit) {
  std::vector<Quantity> limits;
  for (const auto& text : options.limits) {
    const auto limit = ParseQuantity(text, unit);
    if (!limit) return limit.error().WithContext("--limits");
    limits.push_back(*limit);
  }
  return limits;
}

}  // namespace

Result<std::string> Backtest(const BacktestOptions& options) {
  if (!options.output.empty() && options.output != "json") {
    return Error(ErrorCode::kInvalidArgument,
                 "--output " + api::Quoted(options.output) + ": want json, or nothing");
  }
  backtest::Manifests manifests;
  for (const auto& path : options.manifests) {
    const auto text = ReadSmallFile(path, kLargestManifest);
    if (!text) return text.error();
    PURSER_RETURN_IF_ERROR(backtest::AddManifests(*text, path, manifests));
  }
  const auto usage = ReadSmallFile(options.usage, backtest::kLargestUsageFile);
  if (!usage) return usage.error();
  const auto calls = backtest::ReadUsage(*usage, options.usage, options.ns);
  if (!calls) return calls.error();
  const auto poll = std::chrono::seconds(options.poll_seconds);
  const auto replayed = backtest::Replay(manifests, *calls, poll);
  if (!replayed) return replayed.error();
  PURSER_RETURN_IF_ERROR(WritePicture(*replayed, options.svg));
  const auto unit = manifests.budgets.front().spec.unit;
  const auto limits = LimitsOf(options, unit);
  if (!limits) return limits.error();
  auto json = backtest::ReportJson(*replayed);
  auto text = backtest::ReportText(*replayed);
  if (!limits->empty()) {
    const auto tried = backtest::TryLimits(manifests, *calls, poll, *limits);
    if (!tried) return tried.error();
    json["limits"] = backtest::LimitsJson(*tried, unit);
    text += "\n" + backtest::LimitsText(*tried, unit);
  }
  if (options.refuse_at_most >= 0) {
    const auto tried = backtest::SuggestLimit(manifests, *calls, poll, options.refuse_at_most);
    if (!tried) return tried.error();
    json["suggestion"] = backtest::LimitsJson({*tried}, unit).front();
    text += "\n" + backtest::SuggestionText(*tried, unit, options.refuse_at_most);
  }
  return options.output == "json" ? json.dump(2) + "\n" : text;
}

Status Try(const TryOptions& options) {
  backtest::Manifests manifests;
  PURSER_RETURN_IF_ERROR(backtest::AddManifests(backtest::kTrialManifests, "built in", manifests));
  const auto calls = backtest::TrialCalls();
  const auto replayed = backtest::Replay(manifests, calls, std::chrono::seconds(15));
  if (!replayed) return replayed.error();
  if (!options.fast && isatty(STDOUT_FILENO) == 1) {
    for (int i = 1; i < kFrames; ++i) {
      const auto at = replayed->from + (replayed->to - replayed->from) * i / kFrames;
      std::printf("\033[H\033[2J\n%s", backtest::TrialFrame(calls, *replayed, at).c_str());
      std::fflush(stdout);
      std::this_thread::sleep_for(kFrame);
    }
    std::printf("\033[H\033[2J");
  }
  std::printf("\n%s\n%s", backtest::TrialFrame(calls, *replayed, replayed->to).c_str(),
              backtest::ReportText(*replayed).c_str());
  return WritePicture(*replayed, options.svg);
}

}  // namespace purser::app
