"""Admissions against the real operator: allow, queue, refuse, settle, expire, kill -9, rights, the Python client."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import unittest
from typing import Any

from gated import NAMESPACE, GatedTest, budget, pool

from purser import Purser, PurserError, Queued, Refused, Unavailable


class AdmissionsTest(GatedTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.apply(
            pool("first", [{"name": "cents"}, {"name": "narrow", "maxConcurrency": 1}, {"name": "late"}, {"name": "kept"}]),
            pool("second", [{"name": "dear", "models": ["gpt-5", "gpt-5-mini"]}, {"name": "spare"}]),
            pool("third", [{"name": "tasks"}]),
            budget("cents", "1", scope={"pools": ["first"], "agents": ["cents"]}),
            budget("late", "1", scope={"pools": ["first"], "agents": ["late"]}),
            budget("kept", "1", scope={"pools": ["first"], "agents": ["kept"]}),
            budget("dear", "0.05", scope={"pools": ["second"], "agents": ["dear"]}),
            budget("tasks", "1", scope={"pools": ["third"]}, thresholds=[
                {"percent": 50, "action": "RefuseNewWork"}, {"percent": 100, "action": "Stop"}]),
        )

    def setUp(self) -> None:
        self.purser = self.client()

    def test_the_last_cent_is_spent_once_and_nothing_above(self) -> None:
        self.wait_for_admission(self.purser, "cents")
        with self.purser.admit("cents", estimate_usd="0.99") as call:
            self.assertEqual(call.reserved_usd, "0.99")
            with self.assertRaises(Queued) as queued:
                self.purser.ask("cents", estimate_usd="0.02")
            self.assertEqual(queued.exception.reason, "BudgetReserved")
            call.settle(cost_usd="0.97", latency_ms=20)
        self.purser.ask("cents", estimate_usd="0.03").settle(cost_usd="0.03")
        with self.assertRaises(Refused) as refused:
            self.purser.ask("cents", estimate_usd="0.01")
        self.assertEqual(refused.exception.reason, "BudgetExhausted")
        self.assertEqual(refused.exception.budget, f"{NAMESPACE}/cents")
        self.assertIsNotNone(refused.exception.resets_at)
        self.wait_for(lambda: self.spent("cents") == "1", "the budget's status says what was settled")

    def test_waits_for_a_free_place_and_is_told_at_once(self) -> None:
        self.wait_for_admission(self.purser, "narrow")
        first = self.purser.ask("narrow", estimate_usd="0")
        threading.Timer(1.0, lambda: first.settle(cost_usd="0")).start()
        begun = time.monotonic()
        second = self.purser.ask("narrow", estimate_usd="0", wait_seconds=20)
        self.assertLess(time.monotonic() - begun, 10)
        self.assertGreater(time.monotonic() - begun, 0.5)
        with self.assertRaises(Queued):
            self.purser.ask("narrow", estimate_usd="0", wait_seconds=0.3)
        second.cancel()

    def test_the_same_key_is_the_same_call_and_settling_twice_is_once(self) -> None:
        self.wait_for_admission(self.purser, "spare")
        first = self.purser.ask("spare", key="k-1", estimate_usd="0.01")
        self.assertEqual(self.purser.ask("spare", key="k-1", estimate_usd="0.01").id, first.id)
        first.settle(cost_usd="0.01")
        first.settle(cost_usd="0.01")
        with self.assertRaises(PurserError):
            first.settle(cost_usd="5")
        with self.assertRaises(Refused):
            self.purser.ask("spare", key="k-1", estimate_usd="0.01")

    def test_what_is_never_settled_is_booked_at_its_estimate_until_the_fact_comes(self) -> None:
        self.wait_for_admission(self.purser, "late")
        call = self.purser.ask("late", estimate_usd="0.4", expires_seconds=1)
        self.wait_for(lambda: self.spent("late") == "0.4", "the estimate in the budget's status")
        call.settle(cost_usd="0.1")
        self.wait_for(lambda: self.spent("late") == "0.1", "the fact instead")

    def test_kill_9_forgets_no_promise_and_no_fact(self) -> None:
        self.wait_for_admission(self.purser, "kept")
        settled = self.purser.ask("kept", key="settled", estimate_usd="0.3")
        settled.settle(cost_usd="0.25")
        open_one = self.purser.ask("kept", key="open", estimate_usd="0.5")
        self.kill()
        self.start()
        purser = self.client()
        self.wait_for(lambda: purser.post("/v1/admissions", {
            "key": "open", "agent": "kept", "estimateUSD": "0.5"}).get("id") == open_one.id, "the same promise")
        with self.assertRaises(Refused):  # 0.25 settled, 0.5 reserved: 0.25 is left
            purser.ask("kept", estimate_usd="0.8")
        with self.assertRaises(Queued):
            purser.ask("kept", estimate_usd="0.3")
        purser.ask("kept", estimate_usd="0.25").settle(cost_usd="0.25")
        purser.post(f"/v1/admissions/{settled.id}/settle", {"costUSD": "0.25"})
        purser.post(f"/v1/admissions/{open_one.id}/settle", {"costUSD": "0.5"})
        self.wait_for(lambda: self.spent("kept") == "1", "all of it, once")

    def test_refusals_name_what_would_be_allowed(self) -> None:
        self.wait_for_admission(self.purser, "dear")
        with self.assertRaises(Refused) as refused:
            self.purser.ask("dear", model="gpt-5", estimate_usd="9")
        self.assertIn({"agent": "dear", "model": "gpt-5-mini"}, refused.exception.alternatives)
        with self.assertRaises(Refused) as unknown:
            self.purser.ask("nobody", estimate_usd="0")
        self.assertEqual(unknown.exception.reason, "UnknownAgent")

    def test_new_tasks_are_refused_and_those_under_way_go_on(self) -> None:
        self.wait_for_admission(self.purser, "tasks")
        self.purser.ask("tasks", task="begun", estimate_usd="0.5").settle(cost_usd="0.5")
        with self.assertRaises(Refused) as refused:
            self.purser.ask("tasks", task="new", estimate_usd="0.1")
        self.assertEqual(refused.exception.reason, "RefusesNewWork")
        self.purser.ask("tasks", task="begun", estimate_usd="0.1").settle(cost_usd="0.1")

    def test_routes_by_what_was_seen_and_says_why(self) -> None:
        self.wait_for_admission(self.purser, "spare")
        cold = self.purser.route("sum-up", candidates=["dear", "nobody"])
        self.assertEqual((cold["agent"], cold["model"]), ("dear", "gpt-5-mini"))
        self.assertEqual({one["agent"] for one in cold["candidates"]}, {"dear", "nobody"})
        for _ in range(5):
            self.purser.ask("spare", task="seen", estimate_usd="0.001").settle(cost_usd="0.001", latency_ms=100)
        seen = self.purser.route("seen")
        self.assertEqual(seen["agent"], "spare")
        self.assertIn("least cost", seen["reason"])

    def test_only_who_may_asks_and_only_for_its_namespace(self) -> None:
        stranger = self.client("elsewhere", namespace=NAMESPACE)
        with self.assertRaisesRegex(PurserError, "403"):
            stranger.ask("cents", estimate_usd="0")
        with self.assertRaisesRegex(PurserError, "401"):
            Purser(self.purser._url, token="no-token", ca_file=str(self.cluster.folder / "tls.crt")).ask("cents")
        call = self.purser.ask("spare", estimate_usd="0")
        with self.assertRaisesRegex(PurserError, "403"):
            stranger.post(f"/v1/admissions/{call.id}/settle", {"costUSD": "0"})
        call.cancel()

    def test_wrong_bodies_are_told_by_field(self) -> None:
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"agent": "cents"}, "key"), ({"key": "k"}, "agent"), ({"key": "k", "agent": "a", "estimate": 1}, "estimate"),
            ({"key": "k", "agent": "a", "estimateUSD": "-1"}, "estimateUSD"),
            ({"key": "k", "agent": "a", "waitSeconds": 1e9}, "waitSeconds"),
            ({"key": "k", "agent": "a", "inputTokens": -5}, "inputTokens"), ({"key": "x" * 300, "agent": "a"}, "key"),
        ]
        for body, field in wrong:
            with self.subTest(body=json.dumps(body)[:60]), self.assertRaisesRegex(PurserError, f"400: {field}"):
                self.purser.post("/v1/admissions", body)
        with self.assertRaisesRegex(PurserError, "404"):
            self.purser.post("/v1/admissions/adm-none/settle", {"costUSD": "1"})

    def test_the_client_fails_open_or_closed_and_asks_asynchronously(self) -> None:
        nowhere = "https://127.0.0.1:9"
        with self.assertRaises(Unavailable):
            Purser(nowhere, token="t").ask("cents")
        with Purser(nowhere, token="t", when_down="open").admit("cents", model="m") as call:
            self.assertEqual((call.id, call.model), ("", "m"))
            call.settle(cost_usd="1")

        async def many() -> list[str]:
            async def one() -> str:
                async with self.purser.admit_async("spare", estimate_usd="0.001") as call:
                    await self.purser.settle_async(call, cost_usd="0.001")
                    return call.id
            return await asyncio.gather(*(one() for _ in range(10)))

        self.wait_for_admission(self.purser, "spare")
        self.assertEqual(len(set(asyncio.run(many()))), 10)


if __name__ == "__main__":
    unittest.main()
