// What a person has to know first: every condition that is not as it should be.
import { keyOf, type Condition, type State } from "./state";

const WELL_WHEN_TRUE = new Set([
  "Ready", "ScopeResolved", "SourceHealthy", "Metered", "PricingComplete", "Governed", "WorkloadsResolved", "LimitsPublished",
]);
// Told by the state itself.
const SAID = new Set(["Warning", "Throttled", "Exhausted", "Stopped", "Overridden"]);
const LOUDEST = ["StillSpending", "SourceHealthy", "Metered", "Ready", "SpendInDoubt", "RunawayDetected", "ActuatorContention"];
const NOTICES = new Set(["LedgerGap", "BurnRateHigh", "Governed"]);

export interface Alert {
  key: string;
  of: string;
  condition: Condition;
  grave: boolean;
}

export function alertsOf(state: State): Alert[] {
  const alerts: Alert[] = [];
  for (const [kind, objects] of [["budget", state.budgets], ["pool", state.pools]] as const) {
    for (const object of objects) {
      for (const condition of object.status?.conditions ?? []) {
        if (SAID.has(condition.type)) continue;
        if (condition.status === (WELL_WHEN_TRUE.has(condition.type) ? "True" : "False")) continue;
        const of = `${kind} ${keyOf(object)}`;
        alerts.push({ key: `${of} ${condition.type}`, of, condition, grave: !NOTICES.has(condition.type) });
      }
    }
  }
  const rank = (alert: Alert): number => {
    const place = LOUDEST.indexOf(alert.condition.type);
    return place < 0 ? LOUDEST.length + (alert.grave ? 0 : 1) : place;
  };
  return alerts.sort((a, b) => rank(a) - rank(b) || a.key.localeCompare(b.key));
}
