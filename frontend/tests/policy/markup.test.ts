// A policy's card is whatever somebody wrote who exported it: nothing of it becomes markup.
import { expect, test } from "vitest";
import { head, made, measured } from "../../src/policy/markup";
import type { PolicyDetail } from "../../src/policy/shapes";

const EVIL = "<img src=x>";

test("what a card says is text", () => {
  const figures = {
    [EVIL]: { success: 1, low: 0, high: EVIL, n: EVIL },
    [`${EVIL}2`]: EVIL,
    reach: { success: 0.97, low: 0.9, high: 0.99, n: 100 },
  };
  const card = { figures, training: { steps: EVIL, cpu_s: EVIL }, limits: [EVIL], licence: EVIL, kind: EVIL };
  const p = { card, model: {}, parameters: 1 } as unknown as PolicyDetail;
  expect(measured(p) + made(p)).not.toContain("<img");
  expect(measured(p)).toContain("97 of 100");
});

test("an export is offered to whoever may take the weights alone", () => {
  const p = { export_url: "", id: "1", shown: "x 1", stage: "candidate", made_by: "", made_at: "" } as PolicyDetail;
  expect(head(p)).not.toContain("Export");
  expect(head({ ...p, export_url: "/policies/1/export.tar" })).toContain('href="/policies/1/export.tar"');
});
