// What is said of the servers of a policy (policies/schemas/serving.py).  Pure but for icons.
import { icon } from "../icons";
import { count, safe } from "../text";

export interface Health {
  batches: number;
  answered: number;
  troubles: number;
  dropped: number;
  robots: number;
  last_batch_at: string | null;
  batch_mean: number | null;
  p50_ms: number | null;
  p99_ms: number | null;
  thought_p50_ms: number | null;
  memory_mb: number;
}

export interface Server {
  id: string;
  place: number;
  state: string;
  owner: string;
  began_at: string | null;
  ready_at: string | null;
  deaths: number;
  problem: string;
  health: Health | null;
}

export interface Serving {
  policy: string;
  asking: number;
  waiting: number;
  servers: Server[];
  unknown: string;
}

/** In a word, and how it looks. */
export function standing(server: Server): [string, string] {
  if (server.state === "running" && server.health) return ["answers", "ok"];
  if (server.state === "running") return server.ready_at ? ["silent", "warn"] : ["loads", ""];
  if (server.state === "queued") return ["waits for a worker", "warn"];
  if (server.state === "failed") return ["failed", "err"];
  return ["rests", ""];
}

function ms(value: number | null | undefined): string {
  return value === null || value === undefined ? "" : `${Math.round(value)} ms`;
}

function row(server: Server): string {
  const [word, look] = standing(server);
  const { health } = server;
  const died = server.deaths ? `<br><span class="s11 warn">begun again ${count(server.deaths, "time")}</span>` : "";
  const why = server.problem ? `<tr><td colspan="6" class="err">${safe(server.problem)}</td></tr>` : "";
  return `<tr><td><span class="chip ${look}">${word}</span></td><td>${safe(server.owner)}${died}</td><td class="n">${health?.robots ?? ""}</td><td class="n">${health?.batch_mean ? health.batch_mean.toFixed(1) : ""}</td><td class="n">${ms(health?.p50_ms)}</td><td class="n">${ms(health?.p99_ms)}</td></tr>${why}`;
}

/** The whole panel. */
export function servingPanel(found: Serving): string {
  const busy = found.servers.filter((server) => server.state !== "done" && server.state !== "cancelled");
  const asks = found.asking ? `${count(found.asking, "robot")} asked in the last minute` : "no robot asks";
  const waits = found.waiting ? `, ${found.waiting} wait now` : "";
  const head = `<div class="ph"><h2>Serving</h2><span class="sp muted s11">${asks}${waits}</span></div>`;
  if (found.unknown)
    return `<section class="panel">${head}<div class="pb t2">${icon("warning")} ${safe(found.unknown)}</div></section>`;
  if (!busy.length)
    return `<section class="panel">${head}<div class="pb t2">No server runs. One starts when a robot asks, and ends a minute after the last question.</div></section>`;
  return `<section class="panel tblwrap">${head}<table class="tbl"><thead><tr><th>State</th><th>Worker</th><th class="n">Robots</th><th class="n" title="robots answered at once, on average">At once</th><th class="n" title="from a question's arrival to its answer">Half within</th><th class="n">99 % within</th></tr></thead><tbody>${busy.map(row).join("")}</tbody></table></section>`;
}
