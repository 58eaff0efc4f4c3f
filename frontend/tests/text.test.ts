import { describe, expect, it } from "vitest";
import { bytes, clock, clockTenths, count, fixed, safe, span } from "../src/text";

describe("text for people", () => {
  it("writes times as clocks", () => {
    expect([0, 4.9, 65, 3725].map(clock)).toEqual(["0:00", "0:04", "1:05", "1:02:05"]);
    expect(clockTenths(32.8)).toBe("0:32.8");
    expect(clockTenths(59.99)).toBe("0:59.9");
  });

  it("writes ages coarsely", () => {
    expect([12, 200, 7560, 90_000, 200_000].map(span)).toEqual(["12 s", "3 min", "2 h 06 min", "1 day", "2 days"]);
  });

  it("keeps digits fixed and writes a true minus, but not before zero", () => {
    expect(fixed(-0.421)).toBe("−0.42");
    expect(fixed(-0.001)).toBe("0.00");
  });

  it("counts and sizes", () => {
    expect(count(1, "robot")).toBe("1 robot");
    expect(count(3, "robot")).toBe("3 robots");
    expect([120, 820_000, 18_400_000, 2.5e9].map(bytes)).toEqual(["1 kB", "820 kB", "18.4 MB", "2.5 GB"]);
  });

  it("escapes whatever could end text or an attribute", () => {
    expect(safe(`<a b="c" d='e'>&`)).toBe("&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
  });
});
