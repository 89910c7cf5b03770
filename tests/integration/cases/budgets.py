"""What budgets can say: whose limit it is, over which window, in which unit, and what happens on the way to it."""

from __future__ import annotations

from cases import case
from trial import REPLICAS, Trial, budget, deployment, pool

_TWO = ("researcher", "writer")
_SCRIPT = "one-of-two-spends.prom"  # of the researcher $2 a second from second 15 on, of the writer a fortieth of that


def _two(**more: object) -> list[dict[str, object]]:
    return [*(deployment(name) for name in _TWO), pool(*_TWO), budget(**more)]  # type: ignore[arg-type]


@case
def a_limit_for_each_agent(trial: Trial) -> None:
    trial.play(_SCRIPT, _two(limit="20", scope={"pools": ["research"], "per": "Agent"}, limits=[{"agent": "writer", "limit": "100"}]))
    trial.wait_for("the one that spent its limit stops", lambda seen: seen.replicas["researcher"] == 0, until=60)
    last = trial.watch_until(trial.second + 5)
    trial.expect(all(seen.replicas["writer"] == REPLICAS for seen in trial.seen), "its neighbour was touched")
    trial.expect(last.budget["summary"] == "1 of 2 stopped", f"the summary is {last.budget['summary']}")
    found = [(one["name"], one["state"], one["limit"]) for one in last.budget["subjects"]]
    trial.expect(found == [("researcher", "Stopped", "20"), ("writer", "Normal", "100")], f"the subjects are {found}")
    trial.expect_told("Throttled", "1 of 2 stopped; agent researcher: spent", reason="Stopped")
