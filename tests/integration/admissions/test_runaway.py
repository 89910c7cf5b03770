"""Two hundred clients at once, a limit of one dollar, cents a call: what is spent at the end?"""

from __future__ import annotations

import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from gated import GatedTest, budget, pool

from purser import Purser, Queued, Refused

CLIENTS = 200
CENTS = [Decimal("0.01"), Decimal("0.02"), Decimal("0.03")]


class RunawayTest(GatedTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.apply(
            pool("crowd", [{"name": f"agent-{number}"} for number in range(4)]),
            budget("dollar", "1", scope={"pools": ["crowd"]}),
        )

    def test_not_a_cent_more_than_the_limit_with_a_kill_in_between(self) -> None:
        purser = self.client()
        self.wait_for_admission(purser, "agent-0")
        spent: list[Decimal] = []  # by the models, whether anybody hears of it or not
        decisions: dict[str, int] = {}
        lock = threading.Lock()

        def run(number: int) -> None:
            price = CENTS[number % len(CENTS)]
            me = Purser(f"https://127.0.0.1:{self.port}", token=purser._token,
                        ca_file=str(self.cluster.folder / "tls.crt"), timeout=20)
            for call_number in range(3):
                try:
                    call = me.ask(f"agent-{number % 4}", estimate_usd=price, wait_seconds=5)
                except Queued:
                    outcome = "queued"
                except Refused:
                    outcome = "refused"
                else:
                    outcome = "allowed"
                    time.sleep(0.02)
                    with lock:
                        spent.append(price)
                    if (number + call_number) % 10 != 0:  # one in ten never says so
                        call.settle(cost_usd=price)
                with lock:
                    decisions[outcome] = decisions.get(outcome, 0) + 1

        begun = time.monotonic()
        with ThreadPoolExecutor(max_workers=CLIENTS) as clients:
            list(clients.map(run, range(CLIENTS)))
        took = time.monotonic() - begun
        total = sum(spent, Decimal(0))
        print(f"{CLIENTS} clients, {sum(decisions.values())} questions in {took:.1f} s: {decisions}; spent ${total} of $1")
        self.assertLessEqual(total, Decimal(1))
        self.assertGreaterEqual(total, Decimal("0.95"), "and nearly all of it was given out")
        # A process that dies gives nothing out again.
        self.kill()
        self.start()
        again = self.client()
        self.wait_for(lambda: self._is_refused(again), "a call above what is left refused or queued")

    def _is_refused(self, purser: Purser) -> bool:
        answer = purser.post("/v1/admissions", {"key": f"after-{time.monotonic_ns()}", "agent": "agent-1", "estimateUSD": "0.06"})
        return answer["decision"] != "Allow" and answer["reason"] in ("BudgetExhausted", "BudgetReserved")


if __name__ == "__main__":
    unittest.main()
