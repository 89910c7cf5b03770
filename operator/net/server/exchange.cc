#include "net/server/exchange.h"

#include <utility>

namespace purser::net {
namespace {

Answer Unanswered() {
  return {503,
          "application/problem+json",
          R"({"type":"about:blank","title":"Service Unavailable","status":503,)"
          R"("detail":"the request was let go unanswered; send it again"})",
          {{"Retry-After", "1"}}};
}

class TalkExchange final : public Exchange {
 public:
  explicit TalkExchange(std::shared_ptr<Connection::Talk> talk) : talk_(std::move(talk)) {}
  ~TalkExchange() override {
    bool begun = false;
    {
      const std::lock_guard lock(talk_->mutex);
      begun = talk_->begun;
      talk_->on_gone = nullptr;
    }
    if (begun) {
      End();
    } else {
      Send(Unanswered());
    }
  }
  TalkExchange(const TalkExchange&) = delete;
  TalkExchange& operator=(const TalkExchange&) = delete;

  void Send(Answer answer) override {
    {
      const std::lock_guard lock(talk_->mutex);
      if (std::exchange(talk_->answered, true)) return;
    }
    talk_->house->Post([talk = talk_, answer = std::move(answer)]() mutable {
      if (const auto connection = talk->connection.lock())
        connection->OnAnswer(talk, std::move(answer));
    });
  }

  void Begin() override {
    {
      const std::lock_guard lock(talk_->mutex);
      if (std::exchange(talk_->answered, true)) return;
      talk_->begun = true;
    }
    talk_->house->Post([talk = talk_] {
      if (const auto connection = talk->connection.lock()) connection->OnBegin(talk);
    });
  }

  bool Event(std::string event) override {
    {
      const std::lock_guard lock(talk_->mutex);
      if (!talk_->begun || talk_->ended || talk_->gone) return false;
      if (talk_->events.size() + talk_->unsent + event.size() > Connection::Talk::kMostWaiting) {
        talk_->gone = true;  // the connection's own time limit ends it
        return false;
      }
      talk_->events += event;
      if (std::exchange(talk_->posted, true)) return true;
    }
    talk_->house->Post([talk = talk_] {
      if (const auto connection = talk->connection.lock()) connection->OnEvents(talk);
    });
    return true;
  }

  void End() override {
    {
      const std::lock_guard lock(talk_->mutex);
      if (!talk_->begun || std::exchange(talk_->ended, true)) return;
    }
    talk_->house->Post([talk = talk_] {
      if (const auto connection = talk->connection.lock()) connection->OnEnd(talk);
    });
  }

  void OnGone(std::function<void()> gone) override {
    {
      const std::lock_guard lock(talk_->mutex);
      if (!talk_->gone) {
        talk_->on_gone = std::move(gone);
        return;
      }
    }
    gone();
  }

 private:
  const std::shared_ptr<Connection::Talk> talk_;
};

}  // namespace

void Connection::Talk::Gone() {
  std::function<void()> tell;
  {
    const std::lock_guard lock(mutex);
    gone = true;
    tell = std::exchange(on_gone, nullptr);
  }
  if (tell) tell();
}

std::shared_ptr<Exchange> MakeExchange(std::shared_ptr<Connection::Talk> talk) {
  return std::make_shared<TalkExchange>(std::move(talk));
}

}  // namespace purser::net
