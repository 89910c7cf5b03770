#include "support/running_operator.h"

#include <stdexcept>

#include "kube/access.h"

namespace purser::support {

RunningOperator::RunningOperator(api::OperatorConfig config, const std::string& kubeconfig,
                                 Clock* clock) {
  auto access = kube::LoadKubeconfig({kubeconfig});
  if (!access) throw std::runtime_error(access.error().message());
  app::OperatorOptions options;
  options.config = std::move(config);
  options.access = std::move(*access);
  options.clock = clock;
  options.identity = "test-operator";
  options.on_listening = [this](std::uint16_t port) { listening_.set_value(port); };
  auto made = app::Operator::Create(std::move(options));
  if (!made) throw std::runtime_error(made.error().message());
  operator_ = std::move(*made);
  auto listening = listening_.get_future();
  thread_ = std::jthread([this](std::stop_token stop) {
    ended_ = operator_->Run(std::move(stop));
    done_ = true;
  });
  if (listening.wait_for(std::chrono::seconds(10)) != std::future_status::ready) {
    Stop();
    throw std::runtime_error("the operator did not start: " +
                             (ended_.ok() ? "" : ended_.error().message()));
  }
  port_ = listening.get();
}

RunningOperator::~RunningOperator() { Stop(); }

void RunningOperator::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

}  // namespace purser::support
