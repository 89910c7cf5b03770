"""The meters that people have, as they really look, read by their presets."""

from __future__ import annotations

from cases import case
from native_histogram import NativeHistogram
from stage import Object
from trial import Trial, world

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
