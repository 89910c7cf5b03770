#include "plugin/orders.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/join.h"
#include "plugin/field.h"

namespace purser::plugin {
namespace {

using nlohmann::json;

constexpr const char* kRestoreAnnotation = "purser.dev/restore";

Result<std::string> SetMode(Session& session, const std::string& budget, const std::string& mode,
                            const std::string& told) {
  const auto patched = session.Patch(Budgets(), budget, {{"spec", {{"mode", mode}}}});
  if (!patched) return patched.error();
  return "agentbudget.purser.dev/" + NameOf(*patched) + " " + told;
}

// The budgets that hold agents of the pool down.
std::vector<std::string> HoldersOf(const json& pool) {
  std::set<std::string> names;
  for (const auto& agent : ListAt(pool, {"status", "agents"})) {
    const auto governor = TextAt(agent, {"governedBy"});
    if (!governor.empty() && TextAt(agent, {"state"}) != "Normal") names.insert(governor);
  }
  return {names.begin(), names.end()};
}

}  // namespace

Result<std::string> StopPool(Session& session, const std::string& pool, const std::string& reason) {
  const auto patched = session.Patch(Pools(), pool, {{"spec", {{"stop", {{"reason", reason}}}}}});
  if (!patched) return patched.error();
  return "agentpool.purser.dev/" + NameOf(*patched) +
         " is asked to stop; kubectl purser explain pool " + NameOf(*patched) + " -n " +
         session.ns() + " tells when it has";
}

Result<std::string> RestorePool(Session& session, const std::string& pool) {
  const auto before = session.Get(Pools(), pool);
  if (!before) return before.error();
  const bool stopped = !At(*before, {"spec", "stop"}).is_null();
  json patch = json::object();
  if (stopped) patch["spec"]["stop"] = nullptr;
  if (TextAt(*before, {"spec", "scaling", "restore"}) == "Manual")
    patch["metadata"]["annotations"][kRestoreAnnotation] = "now";
  if (!patch.empty()) {
    const auto patched = session.Patch(Pools(), pool, patch);
    if (!patched) return patched.error();
  }
  const auto holders = HoldersOf(*before);
  std::string told = "agentpool.purser.dev/" + NameOf(*before);
  told += patch.empty() ? " is stopped by no person" : " is asked to restore its agents";
  if (!holders.empty()) {
    told += "; held down by budget " + Join(holders) + " all the same: kubectl purser topup " +
            holders.front() + " AMOUNT --reason WHY -n " + session.ns() + ", or wait for its reset";
  }
  return told;
}

Result<std::string> PauseBudget(Session& session, const std::string& budget) {
  return SetMode(session, budget, "Audit",
                 "is paused (mode: Audit): it goes on counting, and holds nobody");
}

Result<std::string> ResumeBudget(Session& session, const std::string& budget) {
  return SetMode(session, budget, "Enforce", "is enforced again");
}

}  // namespace purser::plugin
