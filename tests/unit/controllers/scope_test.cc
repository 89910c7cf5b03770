#include "controllers/agent_budget/scope.h"

#include <gtest/gtest.h>

#include "unit/controllers/builders.h"

namespace purser::controllers {
namespace {

using Names = std::vector<std::string>;

std::vector<PoolPointer> TwoPools() {
  return {PoolBuilder("b").Agent("two", 5).Agent("shared").Share(),
          PoolBuilder("a").Agent("one").Share(),
          PoolBuilder("broken").Agent("x").Invalid("no").Share()};
}

struct Case {
  const char* name;
  api::ScopeSpec scope;
  Names want_pools;
  Names want_agents;
  bool want_namespace;
  Names want_missing;
};

class ResolveScopeTest : public testing::TestWithParam<Case> {};

TEST_P(ResolveScopeTest, Resolves) {
  const auto& test = GetParam();
  const auto resolved = ResolveScope(test.scope, TwoPools());
  Names pools;
  for (const auto& pool : resolved.pools) pools.push_back(pool.key.name);
  EXPECT_EQ(pools, test.want_pools);
  EXPECT_EQ(resolved.agents, test.want_agents);
  EXPECT_EQ(resolved.whole_namespace, test.want_namespace);
  EXPECT_EQ(resolved.missing_pools, test.want_missing);
}

INSTANTIATE_TEST_SUITE_P(
    Scopes, ResolveScopeTest,
    testing::Values(
        Case{"OnePool", {{"a"}, {}}, {"a"}, {"one"}, false, {}},
        Case{"TwoPoolsSorted", {{"b", "a"}, {}}, {"a", "b"}, {"one", "shared", "two"}, false, {}},
        Case{"Narrowed", {{"b"}, {"two"}}, {"b"}, {"two"}, false, {}},
        Case{"Namespace", {{"*"}, {}}, {"a", "b"}, {}, true, {}},
        Case{"AgentsOnly", {{}, {"one", "stray"}}, {"a"}, {"one", "stray"}, false, {}},
        Case{"WildcardAndAgents", {{"*"}, {"two", "two"}}, {"b"}, {"two"}, false, {}},
        Case{"MissingPool", {{"a", "gone"}, {}}, {"a"}, {"one"}, false, {"gone"}},
        Case{"InvalidPoolIsMissing", {{"broken"}, {}}, {}, {}, false, {"broken"}},
        Case{"EmptyMatchesNothing", {{}, {}}, {}, {}, false, {}}),
    [](const auto& scope) { return scope.param.name; });

TEST(ResolveScopeTest, AnAgentsMaximumIsItsOwnOrThePools) {
  const auto resolved = ResolveScope({{"b"}, {}}, TwoPools());
  ASSERT_EQ(resolved.pools.size(), 1u);
  EXPECT_EQ(resolved.pools[0].agent_maxima, (std::vector<std::int32_t>{5, 20}));
}

}  // namespace
}  // namespace purser::controllers
