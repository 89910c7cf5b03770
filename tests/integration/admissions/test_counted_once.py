"""A call that is settled through its admission and posted as a record, too, counts once: whichever comes first, under
whatever name, over kills."""

from __future__ import annotations

import json
import random
import threading
import time
import unittest
import urllib.request
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from gated import NAMESPACE, GatedTest, budget, pool

from purser import Call, Purser, PurserError

AGENTS = ["settled-first", "recorded-first", "late", "attempts", "reused", "stormy"]


def record(agent: str, name: str, cost: str, **more: Any) -> dict[str, Any]:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"id": name, "time": now, "namespace": NAMESPACE, "agent": agent, "model": "m", "inputTokens": 10,
            "outputTokens": 1, "costUSD": cost, "latencyMs": 5, "outcome": "Success", **more}


def names(call: Call) -> dict[str, dict[str, str]]:
    """How a record may say of which admission it is."""
    return {"admission": {"admission": call.id}, "id": {"id": call.id}, "key": {"id": call.key}}


class CountedOnceTest(GatedTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.apply(pool("once", [{"name": name} for name in AGENTS]),
                  *(budget(name, "1", scope={"pools": ["once"], "agents": [name]}) for name in AGENTS))

    def setUp(self) -> None:
        self.purser = self.client()

    def post(self, one: dict[str, Any], counted: bool) -> None:
        answer = self.purser.post("/v1/usage", one)
        self.assertEqual((answer["accepted"], answer["duplicate"]), (1, 0) if counted else (0, 1), (one, answer))

    def get(self, path: str) -> Any:
        asked = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}",
                                       headers={"Authorization": f"Bearer {self.purser._bearer()}"})
        with urllib.request.urlopen(asked, timeout=10, context=self.purser._tls) as answer:
            return json.load(answer)

    def wait_for_spent(self, agent: str, amount: str) -> None:
        self.wait_for(lambda: self.spent(agent) == amount, f"{agent} spent {amount}, last {self.spent(agent)}")

    def test_settled_first(self) -> None:
        agent = "settled-first"
        self.wait_for_admission(self.purser, agent)
        for name in ("admission", "id", "key", "told"):
            call = self.purser.ask(agent, key=f"key-of-{name}", estimate_usd="0.2")
            call.settle(cost_usd="0.1", record_id=f"told-{name}" if name == "told" else None)
            one = record(agent, f"record-of-{name}", "0.1")
            one |= {"id": "told-told"} if name == "told" else names(call)[name]
            self.post(one, counted=False)
        self.wait_for_spent(agent, "0.4")
        # Each call stands in the log, by the name under which it was told.
        calls = self.get(f"/v1/calls?namespace={NAMESPACE}&agent={agent}&source=calls")["calls"]
        self.assertEqual(len(calls), 4, calls)
        self.assertIn("told-told", [call["id"] for call in calls])
        self.post(record(agent, "another", "0.1"), counted=True)
        self.wait_for_spent(agent, "0.5")

    def test_recorded_first(self) -> None:
        agent = "recorded-first"
        self.wait_for_admission(self.purser, agent)
        for name in ("admission", "id", "key", "told"):
            call = self.purser.ask(agent, key=f"first-{name}", estimate_usd="0.6")
            one = record(agent, f"first-record-of-{name}", "0.1")
            if name != "told":
                one |= names(call)[name]
            self.post(one, counted=True)
            if name == "told":
                call.settle(cost_usd="0.1", record_id=one["id"])
                continue
            # Its room is free though nobody settled it: another 0.5 fits.
            self.wait_for(lambda: self.fits(agent, "0.5"), "the reservation ended by the record")
            call.settle(cost_usd="0.13")  # another's price of the same call
        self.wait_for_spent(agent, "0.4")

    def fits(self, agent: str, estimate: str) -> bool:
        answer = self.purser.post("/v1/admissions", {"key": f"fits-{time.monotonic_ns()}", "agent": agent, "estimateUSD": estimate})
        if answer["decision"] == "Allow":
            self.purser.post(f"/v1/admissions/{answer['id']}/cancel", {})
        return bool(answer["decision"] == "Allow")

    def test_a_record_replaces_the_estimate_of_what_expired(self) -> None:
        self.wait_for_admission(self.purser, "late")
        call = self.purser.ask("late", estimate_usd="0.4", expires_seconds=1)
        self.wait_for_spent("late", "0.4")
        self.post(record("late", "late-record", "0.15", admission=call.id), counted=True)
        self.wait_for_spent("late", "0.15")
        # Recorded, and never settled: nothing is booked when its time is over.
        call = self.purser.ask("late", estimate_usd="0.4", expires_seconds=1)
        self.post(record("late", "in-time", "0.05", admission=call.id), counted=True)
        time.sleep(1.5)
        self.post(record("late", "later", "0.01"), counted=True)
        self.wait_for_spent("late", "0.21")

    def test_attempts_of_one_admission_are_calls_of_their_own(self) -> None:
        agent = "attempts"
        self.wait_for_admission(self.purser, agent)
        call = self.purser.ask(agent, estimate_usd="0.2")
        self.post(record(agent, "attempt-1", "0.01", admission=call.id, outcome="Failure"), counted=True)
        self.post(record(agent, "attempt-2", "0.1", admission=call.id), counted=True)
        call.settle(cost_usd="0.1")
        self.wait_for_spent(agent, "0.11")
        # Settled as failed (a hook that sees the first attempt fail), and then it succeeded.
        call = self.purser.ask(agent, estimate_usd="0.2")
        call.settle(cost_usd="0", outcome="Failure")
        self.post(record(agent, "attempt-3", "0.1", admission=call.id), counted=True)
        self.wait_for_spent(agent, "0.21")

    def test_a_key_that_named_another_call_before_hides_none(self) -> None:
        agent = "reused"
        self.wait_for_admission(self.purser, agent)
        self.post(record(agent, "1", "0.1"), counted=True)
        self.purser.ask(agent, key="1", estimate_usd="0.2").settle(cost_usd="0.2")
        self.wait_for_spent(agent, "0.3")

    def test_each_call_once_under_load_and_kills(self) -> None:
        agent = "stormy"
        self.wait_for_admission(self.purser, agent)
        costs: list[Decimal] = []
        lock = threading.Lock()

        def until_acknowledged(act: Any) -> None:
            deadline = time.monotonic() + 60
            while True:
                try:
                    act()
                    return
                except (PurserError, OSError) as error:
                    if time.monotonic() > deadline or " 409" in str(error) or " 400" in str(error):
                        raise
                    time.sleep(0.05)

        def run(number: int) -> None:
            dice = random.Random(number)
            for turn in range(12):
                cost = Decimal(dice.randrange(1, 9)) / 1000
                call: list[Call] = []
                until_acknowledged(lambda: call.append(self.now_client().ask(agent, estimate_usd="0.01", wait_seconds=2)))
                one = record(agent, f"stormy-{number}-{turn}", str(cost), admission=call[0].id)
                tell = [lambda: self.now_client().post(f"/v1/admissions/{call[0].id}/settle", {"costUSD": str(cost)}),
                        lambda: self.now_client().post("/v1/usage", one)]
                dice.shuffle(tell)
                with lock:
                    costs.append(cost)
                threads = [threading.Thread(target=until_acknowledged, args=(act,)) for act in tell]
                for thread in threads:
                    thread.start()
                    if dice.random() < 0.5:
                        thread.join()
                for thread in threads:
                    thread.join()

        self.token = self.purser._bearer()
        runners = [threading.Thread(target=run, args=(number,)) for number in range(6)]
        for runner in runners:
            runner.start()
        for _ in range(3):
            time.sleep(0.7)
            self.kill()
            self.start()
        for runner in runners:
            runner.join()
        self.assertEqual(len(costs), 72)
        # Of the ledger: a status is written at once only where the percentage changes.
        rows = self.get(f"/v1/report?namespace={NAMESPACE}&agent={agent}")["rows"]
        self.assertEqual((rows[0]["calls"], Decimal(rows[0]["spentUSD"])), (72, sum(costs, Decimal(0))))

    def now_client(self) -> Purser:
        """Of the process that serves now."""
        return Purser(f"https://127.0.0.1:{self.port}", token=self.token, ca_file=str(self.cluster.folder / "tls.crt"))


if __name__ == "__main__":
    unittest.main()
