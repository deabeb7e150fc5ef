// SPDX-License-Identifier: Apache-2.0
// Words, windows and addresses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { listPath } from "../src/api/client";
import { emptyRoute, eventQuery, formatRoute, parseRoute } from "../src/live/route";
import { isRiskLevel, levelOf } from "../src/widgets/risk";
import { visibleRows } from "../src/widgets/window";
import { ago, agoOrDay, count, dayAndTime, duration, milliseconds, title } from "../src/widgets/words";

test("durations_have_two_units_at_most", () => {
    const cases: [number, string][] = [
        [0, "0 s"], [59400, "59 s"], [61000, "1 min 1 s"], [120000, "2 min"], [700000, "11 min"], [3660000, "1 h 1 min"], [7200000, "2 h"], [200000000, "2 days"],
    ];
    for (const [ms, words] of cases) assert.equal(duration(ms), words);
    assert.equal(ago(2000), "now");
    assert.equal(ago(-5), "now");
    assert.equal(ago(5000), "5 s ago");
});

test("a_time_of_another_year_names_its_year", () => {
    const now = new Date(2026, 5, 1, 12, 0, 0).getTime();
    const at = (year: number, month: number, day: number) => new Date(year, month, day, 8, 30, 0).toISOString();
    assert.equal(dayAndTime(at(2026, 5, 1), now), "08:30:00");
    assert.ok(!dayAndTime(at(2026, 4, 30), now).includes("2026"));
    assert.ok(dayAndTime(at(2013, 3, 13), now).includes("2013"));
});

test("an_age_is_counted_for_a_day_and_dated_after_it", () => {
    const now = new Date(2026, 5, 1, 12, 0, 0).getTime();
    const before = (ms: number) => new Date(now - ms).toISOString();
    assert.equal(agoOrDay(before(23 * 3600000), now), "23 h ago");
    assert.equal(agoOrDay(before(25 * 3600000), now), dayAndTime(before(25 * 3600000), now));
    assert.ok(agoOrDay("2012-11-12T10:00:00Z", now).includes("2012"));
});

test("milliseconds_keep_what_matters", () => {
    assert.deepEqual([milliseconds(1.24), milliseconds(38.2), milliseconds(1200), milliseconds(null)], ["1.2 ms", "38 ms", "1.2 s", "–"]);
});

test("names_and_counts_read_as_words", () => {
    assert.equal(title("detection_queue"), "Detection queue");
    assert.equal(count(1, "entry", "entries"), "1 entry");
    assert.equal(count(2, "entry", "entries"), "2 entries");
});

test("levels_change_where_the_program_changes_them", () => {
    assert.deepEqual([0, 29, 30, 59, 60, 84, 85, 100].map(levelOf), ["low", "low", "medium", "medium", "high", "high", "critical", "critical"]);
    assert.ok(isRiskLevel("high"));
    assert.ok(!isRiskLevel("severe"));
});

test("window_of_ten_thousand_rows_holds_few", () => {
    const rows = visibleRows(360000, 720, 72, 10000);
    assert.deepEqual(rows, { first: 4992, last: 5018 });
    assert.deepEqual(visibleRows(0, 720, 72, 3), { first: 0, last: 3 });
    assert.deepEqual(visibleRows(999999, 720, 72, 10), { first: 10, last: 10 });
    assert.deepEqual(visibleRows(0, 720, 72, 0), { first: 0, last: 0 });
});

test("address_and_route_are_one_another", () => {
    const route = { ...emptyRoute, view: "events" as const, event: 12, risk: "high", q: "a & b", from: "2026-01-02" };
    assert.deepEqual(parseRoute(formatRoute(route).slice(1)), route);
    assert.equal(formatRoute(emptyRoute), "/");
});

test("strange_addresses_become_the_live_view", () => {
    for (const search of ["?view=nonsense", "?event=-1", "?event=1.5", "?event=x", "?%"]) {
        const route = parseRoute(search);
        assert.deepEqual([route.view, route.event], ["live", null], search);
    }
});

test("days_become_instants_that_hold_the_whole_day", () => {
    const query = eventQuery({ ...emptyRoute, from: "2026-03-01", to: "2026-03-01" });
    const hours = (Date.parse(query.end_date ?? "") - Date.parse(query.start_date ?? "")) / 3600000;
    assert.equal(hours, 24);
    assert.equal(eventQuery({ ...emptyRoute, from: "yesterday" }).start_date, undefined);
});

test("paths_carry_what_is_given_only", () => {
    assert.equal(listPath("/api/events", { limit: 5, q: "", camera_id: undefined, risk_level: "a b" }), "/api/events?limit=5&risk_level=a+b");
});
