// The annotation in which a workload's original replicas are kept: everybody who may edit the
// workload can write it.
#include "fuzz/target.h"
#include "workloads/workload_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser::fuzz;
  using purser::workloads::Saved;
  const auto saved = Saved::Decode(TextOf(data, size));
  if (!saved) {
    Require(saved.error().code() == purser::ErrorCode::kCorrupt, "a refusal says kCorrupt");
    return 0;
  }
  Require(saved->replicas >= 0 && saved->set >= 0, "replicas are counts");
  Require(!saved->pool.empty(), "a pool is named");
  const auto again = Saved::Decode(saved->Encode());
  Require(again.ok() && *again == *saved, "what is saved, encoded and decoded is equal");
  return 0;
}
