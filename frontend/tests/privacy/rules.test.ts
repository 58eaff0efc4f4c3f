// What a site's rules say in words, and what its fields mean.
import { describe, expect, it } from "vitest";
import { forecastWords, readRules, siteHtml } from "../../src/privacy/rules";
import type { SiteRules } from "../../src/privacy/shapes";

const SITE: SiteRules = {
  id: 3,
  name: "Lab <West>",
  rules: [{ kind: "failure", days: 30, frozen: true }],
  grace_days: 7,
  version: 1,
  forecast: [],
  waiting: 2,
};

function fields(): HTMLInputElement[] {
  document.body.innerHTML = siteHtml(SITE, [], false);
  return [...document.body.querySelectorAll("input")];
}

describe("a site's rules", () => {
  it("are read back as they were written", () => {
    expect(readRules(fields())).toEqual(SITE.rules);
  });

  it("lose a kind whose days are emptied", () => {
    const all = fields();
    for (const field of all) if (field.name === "days.failure") field.value = "";
    expect(readRules(all)).toEqual([]);
  });

  it("are not read while a number is out of range", () => {
    const all = fields();
    for (const field of all) if (field.name === "days.success") field.value = "0";
    expect(readRules(all)).toBeNull();
  });

  it("write names as text", () => {
    expect(siteHtml(SITE, [], false)).toContain("Lab &lt;West&gt;");
  });
});

it("says what a rule would do, and what stays because it is frozen", () => {
  const found = { kind: "failure" as const, days: 30, frozen: false, episodes: 3, size_bytes: 1.2e9, kept: 2 };
  expect(forecastWords(found)).toBe("3 episodes, 1.2 GB; 2 more are in frozen versions and stay");
  expect(forecastWords({ ...found, episodes: 0, kept: 0 })).toBe("0 episodes");
});
