import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { AgentPage, Agents } from "./agents";
import { alertsOf } from "./alerts";
import { BudgetCard, State as StateOf } from "./budgets";
import { keep, type Samples } from "./curve";
import { agentRows, fetchState, keyOf, type Request, type State } from "./state";

const EVERY = 2000;
const RANK = ["Stopped", "RefusingWork", "Throttled", "NotReady", "Downgraded", "Warning", "Audit", "Normal"];

/** The newest state, what went wrong with the last look, and samples of each budget. */
function useLive(): { state?: State; problem: string; samples: Map<string, Samples> } {
  const [state, setState] = useState<State>();
  const [problem, setProblem] = useState("");
  const samples = useRef(new Map<string, Samples>());
  useEffect(() => {
    let known: State | undefined;
    let ended = false;
    let timer = 0;
    const look = async (): Promise<void> => {
      try {
        const next = await fetchState(known);
        if (next !== known) {
          known = next;
          setState(next);
        }
        for (const budget of next.budgets) {
          const spent = Number(budget.status?.spent);
          if (!Number.isFinite(spent)) continue;
          const kept = samples.current.get(keyOf(budget)) ?? { at: [], spent: [] };
          samples.current.set(keyOf(budget), kept);
          keep(kept, Math.floor(Date.now() / 1000), spent);
        }
        setProblem(next.problem);
      } catch (error) {
        setProblem(`nothing new is seen: ${error instanceof Error ? error.message : String(error)}`);
      }
      if (!ended) timer = window.setTimeout(look, EVERY);
    };
    void look();
    return () => {
      ended = true;
      window.clearTimeout(timer);
    };
  }, []);
  return { state, problem, samples: samples.current };
}

function useHash(): string {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = (): void => setHash(location.hash);
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return hash;
}

function Alerts({ state }: { state: State }) {
  const alerts = useMemo(() => alertsOf(state), [state]);
  if (alerts.length === 0) return null;
  return (
    <section class="alerts" aria-labelledby="alerts">
      <h2 id="alerts">Look at this first</h2>
      <div role="alert"><ul>
        {alerts.slice(0, 50).map((alert) => (
          <li key={alert.key} class={alert.grave ? "grave" : ""}>
            <b>{alert.condition.type}={alert.condition.status}</b> <bdi>{alert.of}</bdi>, since {alert.condition.lastTransitionTime}:{" "}
            <bdi>{alert.condition.message}</bdi>
          </li>
        ))}
        {alerts.length > 50 && <li>and {alerts.length - 50} more</li>}
      </ul></div>
    </section>
  );
}

const asked = (request: Request): string => {
  const { spec } = request;
  if (spec.budget !== undefined) return `${spec.budget}${spec.agent === undefined ? "" : ` for ${spec.agent}`}: ${spec.add === undefined ? `limit ${spec.set}` : `${spec.add} more`}`;
  return spec.doubt === undefined ? `${spec.agent}: ${spec.amount}` : `${spec.decision} doubt ${spec.doubt}`;
};

function Requests({ state }: { state: State }) {
  const waiting = [...state.overrides.map((each) => ["override", each] as const), ...state.corrections.map((each) => ["correction", each] as const)]
    .filter(([, each]) => (each.status?.state ?? "Requested") === "Requested");
  if (waiting.length === 0) return null;
  return (
    <section aria-labelledby="requests">
      <h2 id="requests">Waiting to be granted</h2>
      <ul>
        {waiting.map(([kind, each]) => (
          <li key={kind + keyOf(each)}>
            <bdi>{asked(each)}</bdi>, <bdi>{each.metadata.annotations?.["purser.dev/requested-by"] ?? "nobody says who asks"}</bdi>: <bdi>{each.spec.reason}</bdi>{" "}
            <code>kubectl purser approve {kind}/{each.metadata.name} -n {each.metadata.namespace}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Pools({ state }: { state: State }) {
  return (
    <section aria-labelledby="pools">
      <h2 id="pools">Pools</h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="pools">
        <table>
          <thead><tr><th scope="col">Pool</th><th scope="col">State</th><th scope="col">At once</th><th scope="col">Agents</th><th scope="col">Governed by</th><th scope="col">Why</th></tr></thead>
          <tbody>
            {state.pools.map((pool) => (
              <tr key={keyOf(pool)}>
                <th scope="row"><bdi>{pool.metadata.name}</bdi> <small><bdi>{pool.metadata.namespace}</bdi></small></th>
                <td><StateOf of={pool.status?.state} /></td>
                <td>{pool.status?.maxConcurrency ?? "?"} of {pool.spec.maxConcurrency}</td>
                <td>{pool.status?.agentCount}</td>
                <td><bdi>{pool.status?.governedBy}</bdi></td>
                <td><bdi>{pool.status?.reason}</bdi></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Page() {
  const { state, problem, samples } = useLive();
  const hash = useHash();
  const rows = useMemo(() => (state === undefined ? [] : agentRows(state)), [state]);
  const trouble = problem === "" ? null : <p class="problem" role="alert">{problem}</p>;
  if (state === undefined) return <main><h1>Purser</h1>{trouble ?? <p>Reading what the cluster says…</p>}</main>;
  const [, kind, namespace, name] = /^#(agent)\/([^/]+)\/(.+)$/.exec(hash) ?? [];
  if (kind === "agent" && namespace !== undefined && name !== undefined) {
    return <>{trouble}<AgentPage state={state} rows={rows} namespace={decodeURIComponent(namespace)} name={decodeURIComponent(name)} /></>;
  }
  const rank = (text: string | undefined): number => (RANK.includes(text ?? "") ? RANK.indexOf(text ?? "") : -1);
  const budgets = [...state.budgets].sort((a, b) =>
    rank(a.status?.state) - rank(b.status?.state) || (b.status?.percentUsed ?? 0) - (a.status?.percentUsed ?? 0) || keyOf(a).localeCompare(keyOf(b)));
  return (
    <main>
      <header class="top">
        <h1>Purser</h1>
        <p class="small"><bdi>{state.namespace === "" ? "every namespace you may read" : `namespace ${state.namespace}`}</bdi>, as of {state.at}</p>
      </header>
      {trouble}
      <Alerts state={state} />
      <Requests state={state} />
      <section aria-labelledby="budgets">
        <h2 id="budgets">Budgets</h2>
        {budgets.length === 0 && <p>No budget here yet.</p>}
        <div class="cards">
          {budgets.slice(0, 200).map((budget) => (
            <BudgetCard key={keyOf(budget)} budget={budget} version={state.version} samples={samples.get(keyOf(budget)) ?? { at: [], spent: [] }} />
          ))}
        </div>
        {budgets.length > 200 && <p>and {budgets.length - 200} more, all of them better off</p>}
      </section>
      <Pools state={state} />
      <Agents rows={rows} />
    </main>
  );
}

const place = document.getElementById("page");
if (place !== null) {
  place.replaceChildren();
  render(<Page />, place);
}
