// What of several trainings differs, and what is the same. Pure.
import type { TrainingDetail } from "../training/shapes";

export interface Difference {
  name: string;
  values: string[];
  same: boolean;
}

function flat(value: unknown, name: string, into: Map<string, string>): void {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) flat(inner, name ? `${name} ${key}` : key, into);
  } else if (!Array.isArray(value) || value.length) {
    into.set(name, told(value));
  }
}

function told(value: unknown): string {
  if (Array.isArray(value)) return value.map(told).join(", ");
  if (value !== null && typeof value === "object") return Object.values(value).map(told).join(" ");
  return String(value);
}

function facts(row: TrainingDetail): Map<string, string> {
  const found = new Map<string, string>([
    ["dataset", row.dataset],
    ["dataset sha256", row.dataset_digest.slice(0, 12)],
    ["episodes", String(row.episodes)],
    ["goes on from", row.base?.shown ?? "nothing"],
    ["recipe", row.recipe],
    ["code", row.code_version],
    ["host", String(row.machine.host ?? "")],
    ["learns on", String(row.machine.device_name ?? "")],
  ]);
  flat(row.config.learn ?? {}, "", found);
  flat(row.config.model ?? {}, "model", found);
  return found;
}

/** Everything that any of them says: first what differs, then what is the same. */
export function differences(rows: readonly TrainingDetail[]): Difference[] {
  const each = rows.map(facts);
  const names = [...new Set(each.flatMap((one) => [...one.keys()]))];
  const all = names.map((name) => {
    const values = each.map((one) => one.get(name) ?? "");
    return { name: name.replaceAll("_", " "), values, same: new Set(values).size === 1 };
  });
  return [...all.filter((one) => !one.same), ...all.filter((one) => one.same)];
}
