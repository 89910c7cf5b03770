"""The meters that people have, as they really look, read by their presets."""

from __future__ import annotations

from cases import case
from native_histogram import NativeHistogram
from stage import Object
from trial import REPLICAS, Trial, budget, deployment, pool, world

SEEN = 60.0


@case
def meter_of_litellm(trial: Trial) -> None:
    trial.play("litellm.prom", world("researcher", "writer", limit="15"), source={"preset": "litellm"})
    trial.watch_until(SEEN)
    trial.expect_spent("3.3", "3.8")
    trial.expect_told("Metered")
    trial.expect_nobody_stopped()


@case
def meter_of_agentgateway(trial: Trial) -> None:
    trial.play("agentgateway.prom", world(limit="10"), source={"preset": "agentgateway"})
    trial.watch_until(SEEN)
    trial.expect_spent("2.4", "2.8")
    trial.expect_told("Metered")


@case
def meter_of_envoy_ai_gateway(trial: Trial) -> None:
    trial.play("envoy-ai-gateway.prom", world(limit="0.5"), source={"preset": "envoy-ai-gateway"})
    trial.watch_until(SEEN)
    trial.expect_spent("0.108", "0.126")
    trial.expect_told("PricingComplete")


@case
def meter_of_claude_code(trial: Trial) -> None:
    trial.play("claude-code.prom", world(limit="15"), source={"preset": "claude-code"})
    trial.watch_until(SEEN)
    trial.expect_spent("3.65", "4.2")
    trial.expect_told("Metered")


@case
def models_without_a_price(trial: Trial) -> None:
    """Three agents that call one, under three budgets that say otherwise what that comes to."""
    choices = {"estimates": "Estimate", "ignores": "Ignore", "stops": "Stop"}
    objects = [deployment(name) for name in choices] + [pool(*choices)]
    for agent, choice in choices.items():
        limit = "1000" if choice == "Stop" else "20"
        objects.append(budget(limit, name=agent, scope={"agents": [agent]}, onUnpriced=choice))
    trial.play("models-without-a-price.prom", objects, source={"preset": "envoy-ai-gateway"})
    trial.wait_for("who calls it is stopped at once", lambda seen: seen.replicas["stops"] == 0, until=40)
    trial.wait_for("the estimate reaches the limit", lambda seen: seen.replicas["estimates"] == 0, until=60)
    trial.watch_until(70)  # the other would be far above it
    wanted = {"estimates": "is counted; onUnpriced is Estimate", "ignores": "is not counted; onUnpriced is Ignore"}
    for name, words in wanted.items():
        trial.seen[-1].show(name)
        trial.expect_told("PricingComplete", "acme-1", words, status="False", reason="UnknownModel")
        trial.expect_told("Metered")
    trial.expect(all(seen.replicas["ignores"] == REPLICAS for seen in trial.seen), "what is ignored stopped somebody")
    trial.seen[-1].show("ignores")
    trial.expect_spent("0.60", "0.80")  # of the model that has a price
    trial.seen[-1].show("stops")
    trial.expect_told("PricingComplete", "acme-1", "edited: stops;", "onUnpriced is Stop", status="False")
    trial.expect_told("Metered")
    trial.expect(trial.seen[-1].spent < 1000, f"it was stopped by its limit, at {trial.seen[-1].spent}")


@case
def neighbour_with_a_native_histogram(trial: Trial) -> None:
    labels = {"namespace": "secret-project", "agent": "somebody"}
    neighbour = NativeHistogram("agent_cost_usd_total", labels)
    targets: list[Object] = [{}, {"job": "neighbour", "address": neighbour.address}]
    trial.play("steady.prom", world(limit="5"), targets=targets, flags=["--enable-feature=native-histograms"])
    trial.watch_until(50)
    trial.expect("purser_source_quarantined_series" in trial.metrics(), "nothing is said of what is no number")
    trial.expect(trial.metric("purser_source_quarantined_series") == 1, "the native histogram is not quarantined")
    trial.expect_spent("2.0", "2.3")
    trial.expect_told("SourceHealthy")
    trial.expect("secret-project" not in trial.seen[-1].told(), "another namespace's labels are shown")
    neighbour.end()
