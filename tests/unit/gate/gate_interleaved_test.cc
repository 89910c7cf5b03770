// Small worlds in which everything that can happen happens in every order: three clients, two
// budgets, a store, a clock that goes both ways, and crashes between any two steps.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <unordered_set>
#include <vector>

#include "gate/gate.h"
#include "gate_builders.h"

namespace purser::gate {
namespace {

struct Client {
  enum class At : std::uint8_t {
    kAsks,
    kStores,
    kAllowed,
    kGivesUp,  // it will never call, and says so until it is heard
    kSpent,
    kSettles,
    kCancels,
    kGone
  };
  std::string agent;
  std::int64_t estimate = 0;
  std::int64_t fact = 0;  // at most the estimate
  bool may_cancel = false;
  At at = At::kAsks;
};

// What survives a crash.
struct Store {
  std::map<std::string, std::int64_t> booked;  // by row
  std::map<std::string, Reservation> reservations;
};

struct Shape {
  std::vector<Client> clients;
  std::map<std::string, std::vector<std::string>> rows;  // agents; none: all
  std::int64_t ceiling = 3;
  int crashes = 1;
  int forward = 2;
  int backward = 1;
};

struct World {
  Gate gate;
  Store store;
  std::vector<Client> clients;
  std::map<std::string, Settlement> under_way;  // ends that are not stored yet
  Timestamp now = kNoon;
  int crashes = 0, forward = 0, backward = 0;
};

class Explorer {
 public:
  explicit Explorer(Shape shape) : shape_(std::move(shape)) {}

  void Run() {
    World world;
    world.clients = shape_.clients;
    world.crashes = shape_.crashes;
    world.forward = shape_.forward;
    world.backward = shape_.backward;
    SetLimits(world.gate);
    Explore(world);
  }

  std::size_t states() const { return seen_.size(); }
  std::size_t allowed() const { return allowed_; }

 private:
  void SetLimits(Gate& gate) const {
    gate.Put(AgentOf("a", 2));
    gate.Put(AgentOf("b", 2));
    for (const auto& [name, agents] : shape_.rows) gate.Put(RowOf(name, shape_.ceiling, agents));
  }

  bool Covers(const std::string& row, const std::string& agent) const {
    const auto& agents = shape_.rows.at(row);
    return agents.empty() || agents.front() == agent;
  }

  // Every next step of every actor, each in a copy of the world.
  void Explore(const World& world) {
    if (testing::Test::HasFailure() || !seen_.insert(Text(world)).second) return;
    Check(world);
    for (std::size_t who = 0; who < world.clients.size(); ++who) StepClient(world, who);
    StepClock(world);
    for (const auto& [id, settlement] : world.under_way) {
      World stored = world;  // in one transaction: the booking, and what is kept
      Book(stored.store, settlement);
      StepDone(stored, id);
      World failed = world;
      failed.gate.Failed(id);
      failed.under_way.erase(id);
      Rewind(failed, id);
      Explore(failed);
    }
    if (world.crashes > 0) Explore(Crashed(world));
  }

  // Between the store and memory another crash may come: then the end is under way no more.
  void StepDone(World world, const std::string& id) {
    World crashed = world;
    if (world.crashes > 0) Explore(Crashed(crashed));
    world.gate.Done(id);
    world.under_way.erase(id);
    for (auto& client : world.clients) {
      if ("id-" + KeyOf(world, client) != id) continue;
      if (client.at == Client::At::kSettles || client.at == Client::At::kCancels)
        client.at = Client::At::kGone;
    }
    Explore(world);
  }

  void StepClient(const World& before, std::size_t who) {
    World world = before;
    auto& client = world.clients[who];
    const auto key = std::to_string(who);
    const auto id = "id-" + key;
    switch (client.at) {
      case Client::At::kAsks: {
        const auto asked = world.gate.Ask(Call(client.agent, key, client.estimate), world.now,
                                          BooksOf(world.store));
        if (asked.answer.decision != Decision::kAllow) return Explore(world);
        client.at = Client::At::kStores;
        return Explore(world);
      }
      case Client::At::kStores: {
        if (const auto* kept = world.gate.Find(id);
            kept != nullptr && kept->phase == Phase::kOpen) {
          world.store.reservations[id] = *kept;
          client.at = Client::At::kAllowed;
          ++allowed_;
        } else {
          client.at = Client::At::kGone;  // it expired before it was stored: never answered
        }
        Explore(world);
        World failed = before;
        failed.gate.Forget(id);
        failed.clients[who].at = Client::At::kGone;
        return Explore(failed);
      }
      case Client::At::kAllowed:
        if (client.may_cancel) {
          World gives_up = before;
          gives_up.clients[who].at = Client::At::kGivesUp;
          Explore(gives_up);
        }
        client.at = Client::At::kSpent;  // and perhaps nobody ever says so
        return Explore(world);
      case Client::At::kGivesUp:
        return EndBy(world, who, world.gate.Cancel(id, world.now), Client::At::kCancels);
      case Client::At::kSpent:
        return EndBy(world, who, world.gate.Settle(id, Cost(client.fact), world.now),
                     Client::At::kSettles);
      case Client::At::kSettles:
      case Client::At::kCancels:
      case Client::At::kGone:
        return;
    }
  }

  void EndBy(World& world, std::size_t who, Result<Settlement> settlement, Client::At next) {
    if (!settlement.ok()) {
      ASSERT_EQ(settlement.error().code(), ErrorCode::kUnavailable) << settlement.error().message();
      return;
    }
    const auto id = "id-" + std::to_string(who);
    if (settlement->already) {
      world.clients[who].at = Client::At::kGone;
    } else {
      world.clients[who].at = next;
      world.under_way.emplace(id, *settlement);
    }
    Explore(world);
  }

  void StepClock(const World& before) {
    World expires = before;
    for (auto& settlement : expires.gate.Expire(expires.now)) {
      auto id = settlement.reservation.id;
      expires.under_way.emplace(std::move(id), std::move(settlement));
    }
    Explore(expires);
    if (before.forward > 0) {
      World later = before;
      later.now += std::chrono::minutes(2);
      --later.forward;
      Explore(later);
    }
    if (before.backward > 0) {
      World earlier = before;
      earlier.now -= std::chrono::minutes(3);
      --earlier.backward;
      Explore(earlier);
    }
  }

  // What a client had been promised it is told again when it asks again; what it had not, is void.
  World Crashed(World world) const {
    --world.crashes;
    world.gate = Gate();
    SetLimits(world.gate);
    for (const auto& [id, reservation] : world.store.reservations) world.gate.Restore(reservation);
    world.under_way.clear();
    for (std::size_t who = 0; who < world.clients.size(); ++who) {
      auto& client = world.clients[who];
      if (client.at == Client::At::kStores) client.at = Client::At::kAsks;
      if (client.at == Client::At::kSettles) client.at = Client::At::kSpent;
      if (client.at == Client::At::kCancels) client.at = Client::At::kGivesUp;
    }
    return world;
  }

  static void Rewind(World& world, const std::string& id) {
    for (std::size_t who = 0; who < world.clients.size(); ++who) {
      if ("id-" + std::to_string(who) != id) continue;
      auto& client = world.clients[who];
      if (client.at == Client::At::kSettles) client.at = Client::At::kSpent;
      if (client.at == Client::At::kCancels) client.at = Client::At::kGivesUp;
    }
  }

  static std::string KeyOf(const World& world, const Client& client) {
    return std::to_string(&client - world.clients.data());
  }

  void Book(Store& store, const Settlement& settlement) const {
    for (const auto& [row, agents] : shape_.rows) {
      if (Covers(row, settlement.reservation.agent))
        store.booked[row] += settlement.book.cost.nanos();
    }
    store.reservations[settlement.reservation.id] = settlement.reservation;
  }

  static HandBooks BooksOf(const Store& store) {
    HandBooks books;
    for (const auto& [row, nanos] : store.booked) books.booked["team/" + row] = Quantity::Of(nanos);
    return books;
  }

  void Check(const World& world) const {
    for (const auto& [row, agents] : shape_.rows) {
      const auto found = world.store.booked.find(row);
      const auto booked = found == world.store.booked.end() ? 0 : found->second;
      ASSERT_LE(booked + world.gate.Reserved("team/" + row).count(), shape_.ceiling)
          << "settled + reserved\n"
          << Text(world);
      // What was spent in truth, and what those that were allowed may yet spend.
      std::int64_t truth = 0;
      for (const auto& client : world.clients) {
        const bool has_leave = client.at == Client::At::kAllowed;
        if (Covers(row, client.agent) && (has_leave || Spent(world, client))) truth += client.fact;
      }
      ASSERT_LE(truth, shape_.ceiling) << "spent in truth\n" << Text(world);
    }
  }

  static bool Spent(const World& world, const Client& client) {
    if (client.at == Client::At::kSpent || client.at == Client::At::kSettles) return true;
    const auto kept = world.store.reservations.find("id-" + KeyOf(world, client));
    return client.at == Client::At::kGone && kept != world.store.reservations.end() &&
           kept->second.phase == Phase::kSettled;
  }

  std::string Text(const World& world) const {
    std::ostringstream text;
    text << (world.now - kNoon).count() << ' ' << world.crashes << world.forward << world.backward;
    for (const auto& client : world.clients) text << ' ' << static_cast<int>(client.at);
    for (const auto& [row, nanos] : world.store.booked) text << '|' << row << nanos;
    const auto tell = [&](const Reservation& one) {
      text << '|' << one.id << static_cast<int>(one.phase) << one.lapsed
           << (one.expires - kNoon).count() << ' ' << one.fact.cost.nanos();
    };
    for (const auto& [id, one] : world.store.reservations) tell(one);
    text << '#';
    for (std::size_t who = 0; who < world.clients.size(); ++who) {
      const auto id = "id-" + std::to_string(who);
      if (const auto* one = world.gate.Find(id)) tell(*one);
      if (world.gate.waiting().Find(id) != nullptr) text << "|w" << who;
      if (world.under_way.contains(id)) text << "|u" << who;
    }
    for (const auto& [row, agents] : shape_.rows)
      text << '|' << world.gate.Reserved("team/" + row).count();
    return text.str();
  }

  const Shape shape_;
  std::unordered_set<std::string> seen_;
  std::size_t allowed_ = 0;
};

void Explored(Shape shape, std::size_t at_least) {
  Explorer explorer(std::move(shape));
  explorer.Run();
  EXPECT_GT(explorer.states(), at_least);
  EXPECT_GT(explorer.allowed(), 0U);
  testing::Test::RecordProperty("states", static_cast<int>(explorer.states()));
}

TEST(GateInterleavedTest, TwoClientsForOneCallWithCrashes) {
  Explored({.clients = {{"a", 2, 1, true}, {"a", 2, 2, false}},
            .rows = {{"all", {}}},
            .ceiling = 3,
            .crashes = 2},
           1000);
}

TEST(GateInterleavedTest, ThreeClientsUnderTwoBudgets) {
  Explored({.clients = {{"a", 2, 1, false}, {"b", 1, 1, true}, {"a", 1, 1, false}},
            .rows = {{"all", {}}, {"of-a", {"a"}}},
            .ceiling = 3,
            .crashes = 2,
            .forward = 2,
            .backward = 0},
           10000);
}

TEST(GateInterleavedTest, ClocksThatGoBothWays) {
  Explored({.clients = {{"a", 2, 2, false}, {"a", 2, 1, true}},
            .rows = {{"all", {}}},
            .ceiling = 2,
            .crashes = 1,
            .forward = 3,
            .backward = 2},
           1000);
}

}  // namespace
}  // namespace purser::gate
