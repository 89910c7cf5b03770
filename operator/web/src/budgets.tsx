import { useState } from "preact/hooks";
import { Curve, type Samples } from "./curve";
import { keyOf, money, subjectsOf, type Budget } from "./state";

export function State({ of }: { of: string | undefined }) {
  const state = of ?? "";
  return <span class={`state ${state.toLowerCase()}`}>{state === "" ? "not evaluated" : state}</span>;
}

function Bar({ budget }: { budget: Budget }) {
  const used = budget.status?.percentUsed;
  const name = `${budget.metadata.name}: used`;
  if (used === undefined) return <div class="bar unknown">spend is not known yet</div>;
  const ticks = (budget.spec.thresholds ?? []).filter((threshold) => threshold.percent < 100);
  return (
    <div class="bar" role="meter" aria-label={name} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, used)}
      aria-valuetext={`${used} percent of the limit`}>
      <div class={`fill ${(budget.status?.state ?? "").toLowerCase()}`} style={{ width: `${Math.min(100, Math.max(0, used))}%` }} />
      {ticks.map((threshold) => (
        <div class="tick" key={threshold.percent} style={{ left: `${threshold.percent}%` }} title={`${threshold.percent} % ${threshold.action}`} />
      ))}
    </div>
  );
}

function Figures({ budget }: { budget: Budget }) {
  const status = budget.status ?? {};
  const unit = budget.spec.unit;
  const doubt = status.inDoubt !== undefined && Number(status.inDoubt) > 0 ? money(status.inDoubt, unit) : undefined;
  const figures: [string, string | undefined][] = [
    ["within an hour", status.burnPerHour === undefined ? undefined : money(status.burnPerHour, unit)],
    ["at the window's end", status.projected === undefined ? undefined : money(status.projected, unit)],
    ["exhausted", status.exhaustsAt],
    ["resets", status.resetsAt],
    ["held in doubt", doubt],
  ];
  return (
    <dl class="figures">
      {figures.map(([title, value]) => value !== undefined && (
        <div key={title}><dt>{title}</dt><dd class={title === "held in doubt" ? "doubt" : ""}>{value}</dd></div>
      ))}
    </dl>
  );
}

function History({ budget }: { budget: Budget }) {
  const windows = [...(budget.status?.history ?? [])].reverse();
  if (windows.length === 0) return null;
  const most = Math.max(1e-9, Number(budget.status?.limit ?? 0), ...windows.map((window) => Number(window.spent)));
  return (
    <table class="history">
      <caption>Closed windows</caption>
      <tbody>
        {windows.map((window) => (
          <tr key={window.start}>
            <th scope="row">{window.start}</th>
            <td>{money(window.spent, budget.spec.unit)}</td>
            <td class="wide"><div class="fill closed" style={{ width: `${(100 * Number(window.spent)) / most}%` }} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Details({ budget, samples, version }: { budget: Budget; samples: Samples; version: string }) {
  const subjects = subjectsOf(budget);
  const namespace = budget.metadata.namespace;
  const per = budget.spec.scope?.per ?? "Total";
  return (
    <div class="details">
      <Curve samples={samples} limit={Number(budget.status?.limit ?? 0)} version={version}
        title={`Spend of ${budget.metadata.name} since this page was opened`} />
      {subjects.length > 0 && (
        <table>
          <caption>{per === "Total" ? "The dearest agents" : "The worst first"}</caption>
          <thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col">Spent</th><th scope="col">Used</th></tr></thead>
          <tbody>
            {subjects.map((subject) => (
              <tr key={subject.name}>
                <th scope="row">
                  {per === "Pool" ? <bdi>{subject.name}</bdi> : <a href={agentLink(namespace, subject.name)}><bdi>{subject.name}</bdi></a>}
                </th>
                <td><State of={subject.state} /></td>
                <td>{money(subject.spent, budget.spec.unit)}</td>
                <td>{subject.percentUsed} %</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <History budget={budget} />
      <ul class="conditions">
        {(budget.status?.conditions ?? []).map((condition) => (
          <li key={condition.type}><b>{condition.type}={condition.status}</b> <bdi>{condition.message}</bdi></li>
        ))}
      </ul>
    </div>
  );
}

export const agentLink = (namespace: string, agent: string): string =>
  `#agent/${encodeURIComponent(namespace)}/${encodeURIComponent(agent)}`;

export function BudgetCard({ budget, samples, version }: { budget: Budget; samples: Samples; version: string }) {
  const [open, setOpen] = useState(false);
  const status = budget.status ?? {};
  return (
    <article class="card" id={`budget-${keyOf(budget)}`}>
      <header>
        <h3><bdi>{budget.metadata.name}</bdi> <small><bdi>{budget.metadata.namespace}</bdi></small></h3>
        <State of={status.state} />
      </header>
      <p class="spent">
        <b>{money(status.spent, budget.spec.unit)}</b> of {money(status.limit ?? budget.spec.limit, budget.spec.unit)}
        {status.percentUsed !== undefined && <> ({status.percentUsed} %)</>}
        {budget.spec.mode === "Audit" && <em> audit: nothing is touched</em>}
        {status.summary !== undefined && <em> {status.summary}</em>}
      </p>
      <Bar budget={budget} />
      <Figures budget={budget} />
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? "Less" : "Why, and by whom"}</button>
      {open && <Details budget={budget} samples={samples} version={version} />}
    </article>
  );
}
