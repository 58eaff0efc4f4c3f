// The rules of one site as a table: what is kept for how long, and what each rule would do now. Pure: markup and reading.
import { bytes, count, safe } from "../text";
import { type Forecast, KINDS, type Kind, type Rule, type SiteRules } from "./shapes";

const WORDS: Record<Kind, readonly [string, string]> = {
  success: ["Success", "ended as asked"],
  failure: ["Failure", "ended otherwise"],
  unlabelled: ["Unlabelled", "nobody said how it ended"],
  unreviewed: ["Unreviewed", "nobody looked at it here, whatever the operator said"],
  rejected: ["Rejected", "by the check on arrival"],
  removed: ["Removed", "by a person; counted from then"],
};

/** "3 episodes, 1.2 GB; 2 more are in frozen versions and stay". */
export function forecastWords(found: Forecast | undefined): string {
  if (!found) return "";
  const size = found.episodes > 0 ? `, ${bytes(found.size_bytes)}` : "";
  const kept = found.kept > 0 ? `; ${found.kept} more are in frozen versions and stay` : "";
  return `${count(found.episodes, "episode")}${size}${kept}`;
}

export function siteHtml(site: SiteRules, forecast: readonly Forecast[], dirty: boolean): string {
  const rows = KINDS.map((kind) => {
    const rule = site.rules.find((one) => one.kind === kind);
    return rowHtml(
      site.id,
      kind,
      rule,
      forecast.find((one) => one.kind === kind),
    );
  });
  const waiting = site.waiting > 0 ? `<span class="muted">${count(site.waiting, "episode")} in grace</span>` : "";
  const off = dirty ? "" : " disabled";
  return `<section class="panel" data-site="${site.id}"><div class="ph"><h2>${safe(site.name)}</h2>${waiting}<span class="sp"></span>
    <label class="row">Days of grace<span class="field short"><input type="number" name="grace" min="0" max="365" value="${site.grace_days}"></span></label></div>
    <div class="tblwrap"><table class="tbl rules"><thead><tr><th>Episodes</th><th>Keep for</th><th>Frozen ones too</th><th>Would be taken out of the lists now</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>
    <div class="row pb"><span class="muted s11">Empty keeps for ever. What is taken out can be brought back until its grace is over; then it is gone.</span><span class="sp"></span>
    <button type="button" class="btn pri" data-do="save"${off}>Save rules</button></div></section>`;
}

function rowHtml(site: number, kind: Kind, rule: Rule | undefined, found: Forecast | undefined): string {
  const [name, what] = WORDS[kind];
  const frozen = rule ? "" : " disabled";
  return `<tr><td><b>${name}</b> <span class="muted s11">${what}</span></td>
    <td><label class="row"><span class="field short"><input type="number" name="days.${kind}" min="1" max="3650" aria-label="${name}: days at site ${site}" value="${rule?.days ?? ""}"></span><span class="muted">days</span></label></td>
    <td><input type="checkbox" name="frozen.${kind}" aria-label="${name}: frozen ones too; their versions are withdrawn"${rule?.frozen ? " checked" : ""}${frozen}></td>
    <td class="${found?.episodes ? "warn" : "muted"}" data-forecast="${kind}">${forecastWords(found)}</td></tr>`;
}

/** The rules that the fields of a site's table say; null where a number is out of range. */
export function readRules(fields: Iterable<HTMLInputElement>): Rule[] | null {
  const days = new Map<string, number>();
  const frozen = new Set<string>();
  for (const field of fields) {
    const [what, kind = ""] = field.name.split(".");
    if (what === "days" && field.value !== "") days.set(kind, field.valueAsNumber);
    if (what === "frozen" && field.checked) frozen.add(kind);
  }
  for (const value of days.values()) if (!Number.isInteger(value) || value < 1 || value > 3650) return null;
  return KINDS.filter((kind) => days.has(kind)).map((kind) => ({
    kind,
    days: days.get(kind) ?? 1,
    frozen: frozen.has(kind),
  }));
}
