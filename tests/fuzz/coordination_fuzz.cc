// A Lease of the API server, and the answer of a credentials program.
#include "fuzz/json.h"
#include "fuzz/target.h"
#include "kube/credentials.h"
#include "kube/leader_election.h"

namespace purser::fuzz {
namespace {

void CheckLease(std::string_view text) {
  const auto lease = kube::DecodeLease(text);
  if (!lease) return;
  Require(!lease->resource_version.empty(), "a Lease has a version");
  Require(lease->duration_seconds >= 0 && lease->transitions >= 0, "its numbers are counts");
  const auto encoded = kube::EncodeLease({"purser-system", "purser"}, *lease);
  Require(IsUtf8(encoded), "what is encoded is UTF-8");
  const auto again = kube::DecodeLease(encoded);
  Require(again.ok() && *again == *lease, "a Lease encoded and decoded is equal");
}

void CheckCredential(std::string_view text) {
  const auto credential = kube::DecodeExecCredential(text, "client.authentication.k8s.io/v1");
  Require(!credential || !credential->token.empty(), "a credential has a token");
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = purser::fuzz::TextOf(data, size);
  purser::fuzz::CheckLease(text);
  purser::fuzz::CheckCredential(text);
  return 0;
}
