// What the server tells: the objects as the API server has them. Nothing is taken for granted.

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export interface Metadata {
  name: string;
  namespace: string;
  annotations?: Record<string, string>;
}

export interface Subject {
  name: string;
  state?: string;
  spent?: string;
  limit?: string;
  percentUsed?: number;
  burnPerHour?: string;
  exhaustsAt?: string;
}

export interface Budget {
  metadata: Metadata;
  spec: {
    limit?: string;
    unit?: string;
    mode?: string;
    scope?: { per?: string; pools?: string[]; agents?: string[] };
    thresholds?: { percent: number; action: string }[];
  };
  status?: {
    state?: string;
    spent?: string;
    limit?: string;
    remaining?: string;
    percentUsed?: number;
    burnPerHour?: string;
    projected?: string;
    exhaustsAt?: string;
    resetsAt?: string;
    inDoubt?: string;
    summary?: string;
    agentCount?: number;
    agents?: Subject[];
    subjects?: Subject[];
    history?: { start: string; end: string; spent: string }[];
    conditions?: Condition[];
  };
}

export interface PoolAgent {
  name: string;
  state?: string;
  concurrency?: number;
  replicas?: number;
  running?: number;
  savedReplicas?: number;
  governedBy?: string;
  reason?: string;
  since?: string;
}

export interface Pool {
  metadata: Metadata;
  spec: { maxConcurrency?: number };
  status?: {
    state?: string;
    maxConcurrency?: number;
    agentCount?: number;
    governedBy?: string;
    reason?: string;
    agents?: PoolAgent[];
    conditions?: Condition[];
  };
}

export interface Request {
  metadata: Metadata;
  spec: { budget?: string; agent?: string; add?: string; set?: string; amount?: string; doubt?: number; decision?: string; reason?: string };
  status?: { state?: string };
}

export interface State {
  version: string;
  at: string;
  namespace: string;
  problem: string;
  budgets: Budget[];
  pools: Pool[];
  overrides: Request[];
  corrections: Request[];
}

/** One agent of one pool, with what the budgets tell of it. */
export interface AgentRow {
  key: string;
  namespace: string;
  pool: string;
  agent: PoolAgent;
  spent: { budget: string; subject: Subject; unit: string }[];
}

export const money = (text: string | undefined, unit: string | undefined): string => {
  if (text === undefined || text === "") return "not known";
  if (unit !== undefined && unit !== "USD") return `${Number(text).toLocaleString("en")} ${unit.toLowerCase()}`;
  const value = Number(text);
  if (!Number.isFinite(value)) return text;
  return `$${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: value !== 0 && Math.abs(value) < 1 ? 4 : 2 })}`;
};

export const keyOf = (object: { metadata: Metadata }): string => `${object.metadata.namespace}/${object.metadata.name}`;

export const subjectsOf = (budget: Budget): Subject[] => budget.status?.subjects ?? budget.status?.agents ?? [];

export function agentRows(state: State): AgentRow[] {
  const told = new Map<string, AgentRow["spent"]>();
  for (const budget of state.budgets) {
    const per = budget.spec.scope?.per ?? "Total";
    if (per === "Pool") continue;
    for (const subject of subjectsOf(budget)) {
      const key = `${budget.metadata.namespace}/${subject.name}`;
      const entry = { budget: budget.metadata.name, subject, unit: budget.spec.unit ?? "USD" };
      told.set(key, [...(told.get(key) ?? []), entry]);
    }
  }
  const rows: AgentRow[] = [];
  for (const pool of state.pools) {
    for (const agent of pool.status?.agents ?? []) {
      const namespace = pool.metadata.namespace;
      const spent = told.get(`${namespace}/${agent.name}`) ?? [];
      rows.push({ key: `${namespace}/${agent.name}`, namespace, pool: pool.metadata.name, agent, spent });
    }
  }
  return rows;
}

/** Asks for the next state; the same object comes back while nothing has changed. */
export async function fetchState(before: State | undefined): Promise<State> {
  const answer = await fetch(`state/${encodeURIComponent(before?.version ?? "none")}`, { cache: "no-store" });
  if (answer.status === 204 && before !== undefined) return before;
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  return (await answer.json()) as State;
}
