// Thousands of rows, of which those in sight are drawn.
import { useMemo, useRef, useState } from "preact/hooks";
import { agentLink, State } from "./budgets";
import { money, type AgentRow, type State as Whole } from "./state";

const ROW = 34;
const SIGHT = 476;

const dearest = (row: AgentRow): number => Math.max(-1, ...row.spent.filter((each) => each.unit === "USD").map((each) => Number(each.subject.spent ?? -1)));

const RANK = ["Stopping", "Stopped", "Draining", "RefusingWork", "Throttled", "Ramping", "Missing", "Normal"];

export function sorted(rows: AgentRow[]): AgentRow[] {
  const rank = (row: AgentRow): number => {
    const place = RANK.indexOf(row.agent.state ?? "");
    return place < 0 ? RANK.length : place;
  };
  return [...rows].sort((a, b) => rank(a) - rank(b) || dearest(b) - dearest(a) || a.key.localeCompare(b.key));
}

export function Agents({ rows }: { rows: AgentRow[] }) {
  const [wanted, setWanted] = useState("");
  const [top, setTop] = useState(0);
  const place = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => {
    const word = wanted.trim().toLowerCase();
    const some = word === "" ? rows : rows.filter((row) => `${row.key} ${row.pool} ${row.agent.state ?? ""}`.toLowerCase().includes(word));
    return sorted(some);
  }, [rows, wanted]);
  const first = Math.max(0, Math.floor(top / ROW) - 5);
  const count = Math.ceil(SIGHT / ROW) + 10;
  const slice = shown.slice(first, first + count);
  const find = (event: Event): void => {
    setWanted((event.currentTarget as HTMLInputElement).value);
    setTop(0);
    if (place.current !== null) place.current.scrollTop = 0;
  };
  return (
    <section aria-labelledby="agents">
      <h2 id="agents">Agents</h2>
      <p>
        <label>Find <input type="search" value={wanted} onInput={find} placeholder="name, pool or state" /></label>{" "}
        <span aria-live="polite">{shown.length.toLocaleString("en")} of {rows.length.toLocaleString("en")}</span>
      </p>
      <div class="sight" ref={place} tabIndex={0} role="region" aria-labelledby="agents" onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        style={{ height: `${Math.min(SIGHT, (shown.length + 1) * ROW)}px` }}>
        <table class="agents" aria-rowcount={shown.length + 1}>
          <thead>
            <tr>
              <th scope="col">Agent</th><th scope="col">Pool</th><th scope="col">State</th><th scope="col">At once</th>
              <th scope="col">Running</th><th scope="col">Spent</th><th scope="col">Governed by</th>
            </tr>
          </thead>
          <tbody>
            <tr aria-hidden="true" style={{ height: `${first * ROW}px` }} />
            {slice.map((row, i) => (
              <tr key={`${row.key} ${row.pool}`} aria-rowindex={first + i + 2} style={{ height: `${ROW}px` }}>
                <th scope="row"><a href={agentLink(row.namespace, row.agent.name)}><bdi>{row.agent.name}</bdi></a></th>
                <td><bdi>{row.pool}</bdi></td>
                <td><State of={row.agent.state} /></td>
                <td>{row.agent.concurrency}</td>
                <td>{row.agent.running ?? row.agent.replicas}</td>
                <td>{row.spent.map((each) => money(each.subject.spent, each.unit)).slice(0, 2).join(", ")}</td>
                <td><bdi>{row.agent.governedBy}</bdi></td>
              </tr>
            ))}
            <tr aria-hidden="true" style={{ height: `${Math.max(0, shown.length - first - slice.length) * ROW}px` }} />
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function AgentPage({ state, rows, namespace, name }: { state: Whole; rows: AgentRow[]; namespace: string; name: string }) {
  const mine = rows.filter((row) => row.namespace === namespace && row.agent.name === name);
  return (
    <main>
      <p><a href="#">All budgets and pools</a></p>
      <h1><bdi>{name}</bdi> <small><bdi>{namespace}</bdi></small></h1>
      {mine.length === 0 && <p>No pool of this namespace has an agent of this name.</p>}
      {mine.map((row) => (
        <section key={row.pool}>
          <p>
            In pool <bdi>{row.pool}</bdi>: <State of={row.agent.state} />{" "}
            {row.agent.concurrency} at once, {row.agent.replicas} replicas, {row.agent.running ?? "an unknown number of"} running pods
            {row.agent.savedReplicas !== undefined && <>; {row.agent.savedReplicas} will be restored</>}
            {row.agent.since !== undefined && <>; since {row.agent.since}</>}.
          </p>
          {row.agent.reason !== undefined && <p>Because: <bdi>{row.agent.reason}</bdi></p>}
          <table>
            <caption>What budgets count</caption>
            <thead><tr><th scope="col">Budget</th><th scope="col">Spent</th><th scope="col">Of</th><th scope="col">Used</th><th scope="col">Within an hour</th></tr></thead>
            <tbody>
              {row.spent.map((each) => (
                <tr key={each.budget}>
                  <th scope="row"><bdi>{each.budget}</bdi></th>
                  <td>{money(each.subject.spent, each.unit)}</td>
                  <td>{each.subject.limit === undefined ? "a shared limit" : money(each.subject.limit, each.unit)}</td>
                  <td>{each.subject.percentUsed} %</td>
                  <td>{each.subject.burnPerHour === undefined ? "" : money(each.subject.burnPerHour, each.unit)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ))}
      <p class="small">As of {state.at}</p>
    </main>
  );
}
