// Markup of a campaign's page: head, numbers, and the table of prompts by robot and person. Data in, text out.
import { icon } from "../icons";
import { count, safe } from "../text";
import type { CampaignCell, CampaignDetail, CampaignPromptRow } from "./shapes";
import { day, foretold, progress, rate, stateChip } from "./words";

export function page(c: CampaignDetail, now: Date, closing: boolean): string {
  return `${head(c, closing)}${numbers(c, now)}${table(c)}${below(c)}`;
}

function head(c: CampaignDetail, closing: boolean): string {
  const button = (act: string, look: string, words: string): string =>
    `<button class="btn ${look}" type="button" data-do="${act}">${words}</button>`;
  const acts: string[] = [];
  if (c.may_plan && closing)
    acts.push(
      '<span class="warn">It cannot be opened again.</span>',
      button("closed", "danger", "Close it for good"),
      button("keep", "", "Keep it"),
    );
  else if (c.may_plan) {
    acts.push(button("edit", "", `${icon("pen")}Change`));
    if (c.state === "open") acts.push(button("paused", "", `${icon("pause")}Pause`));
    acts.push(button("close", "quiet", "Close"));
    if (c.state === "draft" || c.state === "paused") acts.push(button("open", "pri", `${icon("play")}Open`));
  }
  return `<div class="head"><h1><a class="muted" href="/campaigns/">Campaigns</a> <span class="muted">/</span> ${safe(c.name)}</h1>${stateChip(c.state)}<span class="sp"></span><a class="btn quiet" href="/episodes/?campaign=${safe(c.id)}">Its episodes</a>${acts.join("")}</div>`;
}

function numbers(c: CampaignDetail, now: Date): string {
  const when = foretold(c, now);
  const cell = (label: string, value: string): string =>
    `<div><div class="l">${label}</div><div class="cp-number">${value}</div></div>`;
  const aside = [
    c.failures > 0 ? count(c.failures, "failure") : "",
    c.removed > 0 ? `${c.removed} removed` : "",
    c.refused > 0 ? `${c.refused} rejected by the check` : "",
  ].filter(Boolean);
  return `<section class="panel cp-numbers">
  <div class="cp-whole"><div class="l">Takes${c.only_success ? ", successes only" : ""}</div>${progress(c.have, c.goal, "Takes of all prompts")}</div>
  ${cell("Last day", c.due ? day(c.due, now) : '<span class="muted">none</span>')}
  ${cell("At this rate", `<span class="row ${when.look}">${icon(when.icon)}${safe(when.words)}</span>`)}
  ${cell("Rate of the last 3 days", rate(c))}
  ${cell("Failed, removed or rejected", aside.length > 0 ? safe(aside.join(", ")) : '<span class="muted">nothing</span>')}
</section>`;
}

interface Column {
  key: string;
  robot: string;
  person: string;
  /** Begins a robot's group. */
  first: boolean;
}

/** A column for each robot and person who made takes that count; people beside each other under their robot. */
export function columns(cells: readonly CampaignCell[]): Column[] {
  const found = new Map<string, Column>();
  for (const cell of cells) {
    const key = `${cell.robot.id} ${cell.person.id}`;
    found.set(key, { key, robot: cell.robot.name, person: cell.person.name || "nobody", first: false });
  }
  const sorted = [...found.values()].sort((a, b) => a.robot.localeCompare(b.robot) || a.person.localeCompare(b.person));
  return sorted.map((column, n) => ({ ...column, first: column.robot !== sorted[n - 1]?.robot }));
}

function table(c: CampaignDetail): string {
  const across = columns(c.cells);
  const robots = new Map<string, number>();
  for (const column of across) robots.set(column.robot, (robots.get(column.robot) ?? 0) + 1);
  const groups = [...robots].map(
    ([name, n]) => `<th class="cp-group" colspan="${n}" scope="colgroup">${safe(name)}</th>`,
  );
  const people = across.map((column) => `<th class="${looks(column)}" scope="col">${safe(column.person)}</th>`);
  const top = groups.length > 0 ? `<tr><th colspan="3"></th>${groups.join("")}</tr>` : "";
  const rows = c.prompts.map((prompt, n) => line(c, prompt, n, across));
  const sums = across.map(
    (column) => `<td class="b ${looks(column)}">${sum(c.cells.filter((cell) => keyOf(cell) === column.key))}</td>`,
  );
  const foot = across.length > 0 ? `<tr class="cp-sum"><td colspan="3">All prompts</td>${sums.join("")}</tr>` : "";
  return `<section class="panel tblwrap"><table class="tbl cp-table"><thead>${top}<tr><th class="n">#</th><th>Prompt</th><th class="cp-bar">Takes</th>${people.join("")}</tr></thead><tbody>${rows.join("")}${foot}</tbody></table></section>`;
}

function looks(column: Column): string {
  return column.first ? "n hide-s cp-first" : "n hide-s";
}

function keyOf(cell: CampaignCell): string {
  return `${cell.robot.id} ${cell.person.id}`;
}

function sum(cells: readonly CampaignCell[]): number {
  return cells.reduce((all, cell) => all + cell.have, 0);
}

function line(c: CampaignDetail, prompt: CampaignPromptRow, n: number, across: readonly Column[]): string {
  const mine = c.cells.filter((cell) => cell.prompt === prompt.id);
  const counts = across.map((column) => {
    const have = sum(mine.filter((cell) => keyOf(cell) === column.key));
    return `<td class="${looks(column)}">${have > 0 ? have : '<span class="muted">–</span>'}</td>`;
  });
  const seats = c.seats
    .filter((seat) => seat.prompt === prompt.id)
    .map(
      (seat) => `<span class="chip acc">${icon("hand")}${safe(seat.person.name)} at ${safe(seat.robot.name)}</span>`,
    );
  const reset = prompt.reset ? `<br><span class="s11 muted">Reset: ${safe(prompt.reset)}</span>` : "";
  return `<tr><td class="n muted">${n + 1}</td><td class="why"><b>${safe(prompt.instruction)}</b> ${seats.join(" ")}${reset}</td><td class="cp-bar">${progress(prompt.have, prompt.goal, prompt.instruction)}</td>${counts.join("")}</tr>`;
}

function below(c: CampaignDetail): string {
  if (c.state === "draft") return `<p class="muted cp-below">Nobody can choose it yet: open it first.</p>`;
  const robots = c.robots.map(
    (robot) => `<a class="btn" href="/teleop/${safe(robot.id)}/">${icon("arm")}${safe(robot.name)}</a>`,
  );
  const words = c.state === "open" ? "Record in the cockpit of" : "Its robots";
  return `<div class="row wrap cp-below"><span class="muted">${words}</span>${robots.join("")}<span class="sp"></span><span class="muted s11">Countdown ${c.countdown_s} s, ${c.reset_s > 0 ? `${c.reset_s} s to put the scene back` : "Enter starts each take"}</span></div>`;
}
