// What the pages say of a campaign: when it will be done, how far it is, who did what; and what the form makes of its fields.
import { afterEach, describe, expect, test, vi } from "vitest";
import { planOf, showForm } from "../../src/campaigns/form";
import { columns, page } from "../../src/campaigns/page_markup";
import type { CampaignCell, CampaignDetail } from "../../src/campaigns/shapes";
import { day, foretold, progress, rate } from "../../src/campaigns/words";
import { Refused } from "../../src/http";

const NOW = new Date("2026-03-04T12:00:00Z");
const C: CampaignDetail = {
  id: "c1",
  url: "/campaigns/c1/",
  name: "Lift by <Friday>",
  site: { id: "1", name: "West" },
  robots: [{ id: "r1", name: "kestrel-1" }],
  state: "open",
  due: "2026-03-06",
  countdown_s: 3,
  reset_s: 0,
  only_success: false,
  version: 4,
  goal: 10,
  have: 4,
  per_day: 2.5,
  done_at: "2026-03-06T20:00:00Z",
  late: false,
  may_plan: true,
  prompts: [{ id: "p1", instruction: "Lift it", reset: "Back", goal: 10, have: 4, coming: 0 }],
  cells: [],
  seats: [],
  failures: 0,
  removed: 0,
  refused: 0,
};

function cell(robot: string, person: string, have: number): CampaignCell {
  return { prompt: "p1", robot: { id: robot, name: robot }, person: { id: person, name: person }, have };
}

describe("the forecast", () => {
  test("says the day, and whether that is in time", () => {
    expect(foretold(C, NOW)).toMatchObject({ look: "ok", words: "done by Fri 6 Mar at this rate" });
    const late = foretold({ ...C, late: true, done_at: "2026-03-09T01:00:00Z" }, NOW);
    expect(late).toMatchObject({ look: "err", words: "late: done by Mon 9 Mar at this rate" });
  });

  test("says nothing of a campaign that does not run or has no rate", () => {
    expect(foretold({ ...C, done_at: null, late: null }, NOW).words).toBe("no rate yet");
    expect(foretold({ ...C, done_at: null, late: true }, NOW).words).toBe("late");
    expect(foretold({ ...C, state: "paused" }, NOW).words).toBe("paused at 4 of 10");
    expect(foretold({ ...C, state: "closed" }, NOW).words).toBe("closed at 4 of 10");
    expect(foretold({ ...C, state: "done", have: 10 }, NOW).words).toBe("every goal is reached");
    expect(rate({ ...C, per_day: 0 })).toBe("–");
  });

  test("names the year where it is another", () => {
    expect(day("2027-01-02", NOW)).toContain("2027");
  });
});

test("a bar is full, not fuller, when a goal is passed", () => {
  expect(progress(12, 10, "x")).toContain('aria-valuenow="10"');
  expect(progress(12, 10, "x")).toContain("width:100.0%");
});

test("people stand beside each other under their robot, in the order of names", () => {
  const found = columns([cell("r2", "ann", 1), cell("r1", "zoe", 2), cell("r1", "bob", 3), cell("r1", "bob", 1)]);
  expect(found.map((one) => [one.robot, one.person, one.first])).toEqual([
    ["r1", "bob", true],
    ["r1", "zoe", false],
    ["r2", "ann", true],
  ]);
});

test("the page escapes names, and offers changes only to who may plan", () => {
  expect(page(C, NOW, false)).toContain("Lift by &lt;Friday&gt;");
  expect(page(C, NOW, false)).toContain('data-do="paused"');
  expect(page({ ...C, may_plan: false }, NOW, false)).not.toContain("data-do=");
  expect(page(C, NOW, true)).toContain("Close it for good");
});

describe("the form", () => {
  afterEach(() => {
    document.body.innerHTML = "";
  });

  const sites = [{ id: "1", name: "West", robots: [{ id: "r1", name: "kestrel-1" }] }];

  test("gives back what it was shown", () => {
    showForm(sites, C, { save: async () => undefined });
    const plan = planOf(document.querySelector("dialog") as HTMLElement);
    expect(plan).toEqual({
      name: "Lift by <Friday>",
      due: "2026-03-06",
      countdown_s: 3,
      reset_s: 0,
      only_success: false,
      robots: ["r1"],
      prompts: [{ id: "p1", instruction: "Lift it", reset: "Back", goal: 10 }],
    });
  });

  test("stays and says why when the server refuses", async () => {
    const save = vi.fn().mockRejectedValue(new Refused(409, "prompt_in_use", "Set its goal to 0."));
    showForm(sites, C, { save });
    const dialog = document.querySelector("dialog") as HTMLDialogElement;
    dialog.querySelector("form")?.dispatchEvent(new SubmitEvent("submit", { cancelable: true }));
    dialog.dispatchEvent(new SubmitEvent("submit", { cancelable: true }));
    await vi.waitFor(() => expect(dialog.querySelector(".err")?.textContent).toBe("Set its goal to 0."));
    expect(dialog.isConnected).toBe(true);
  });
});
