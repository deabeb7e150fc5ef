// SPDX-License-Identifier: Apache-2.0
// Events over the API: filters, cursors, detail, changes guarded by version, statistics.
#include "http/http.h"

#include "tests/fake/full_disk.h"
#include "tests/unit/http/http_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int http_events_test(void);

static size_t count_items(struct http_fixture *fixture, const char *path)
{
    json_t *root = http_json(fixture, path, 200);
    size_t count = json_array_size(json_object_get(root, "items"));
    json_int_t total =
        json_integer_value(json_object_get(json_object_get(root, "pagination"), "total"));
    assert_int_equal(total, count);
    json_decref(root);
    return count;
}

static void fill(struct http_fixture *fixture)
{
    http_add_camera(fixture, "door");
    http_add_camera(fixture, "yard");
    http_add_event(fixture, "door", 20, 5000);   // 1, 09:06:40
    http_add_event(fixture, "door", 90, 4000);   // 2
    http_add_event(fixture, "yard", 60, 100000); // 3, the day before
    http_add_event(fixture, "door", 65, 60);     // 4
}

static void filters_choose_events(void **state)
{
    static const struct {
        const char *query;
        size_t count;
    } cases[] = {
        {"", 4},
        {"?camera_id=door", 3},
        {"?camera_id=nobody", 0},
        {"?risk_level=high", 2},
        {"?risk_level=critical&camera_id=door", 1},
        {"?reviewed=false", 4},
        {"?reviewed=true", 0},
        {"?object_type=person", 4},
        {"?object_type=cat", 0},
        {"?q=DOOR", 4},
        {"?q=dragon", 0},
        {"?start_date=2026-01-24", 3},
        {"?end_date=2026-01-23", 1},
        {"?end_date=2026-01-24", 4},
        {"?start_date=2026-01-24T09:20:00Z", 2},
        {"?start_date=2026-01-24T09:00:00Z&end_date=2026-01-24T09:10:00Z", 1},
    };
    fill(*state);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char path[128];
        snprintf(path, sizeof path, "/api/events%s", cases[i].query);
        size_t count = count_items(*state, path);
        if (count != cases[i].count)
            fail_msg("%s: %zu", path, count);
    }
}

static void wrong_parameters_are_named(void **state)
{
    static const struct {
        const char *path, *part;
    } cases[] = {
        {"/api/events?limit=0", "limit: must be a whole number from 1 to 500"},
        {"/api/events?limit=501", "limit"},
        {"/api/events?limit=x", "limit"},
        {"/api/events?risk_level=huge", "risk_level"},
        {"/api/events?reviewed=maybe", "reviewed: must be true or false"},
        {"/api/events?start_date=yesterday", "start_date"},
        {"/api/events?end_date=2026-13-01", "end_date"},
        {"/api/events?cursor=!!", "cursor: must be next_cursor"},
        {"/api/events?cursor=e30", "cursor"},         // {}
        {"/api/events?cursor=W10", "cursor"},         // []
        {"/api/events?cursor=eyJpZCI6MX0", "cursor"}, // {"id":1}
        {"/api/events?q=%ff", "q: must be UTF-8"},
        {"/api/detections?min_confidence=much", "min_confidence: must be a number"},
        {"/api/events/1/detections?cursor=x", "cursor"},
        {"/api/uploads/refused?cursor=x", "cursor"},
        {"/api/dlq/jobs/dlq:detection_queue?start=-1", "start"},
        {"/api/dlq/jobs/dlq:detection_queue?limit=1001", "limit"},
        {"/api/logs?limit=0", "limit"},
        {"/api/events?total=some", "total: must be true or false"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const struct nj_answer *answer = http_get(*state, cases[i].path);
        http_expect(answer, 400, cases[i].part);
        http_expect(answer, 400, "\"code\":\"BAD_REQUEST\"");
    }
}

static void pages_follow_each_other_without_gap_or_double(void **state)
{
    struct http_fixture *fixture = *state;
    char path[512] = "/api/events?limit=1";
    json_int_t seen[4];
    fill(fixture);
    for (int i = 0; i < 4; i++) {
        json_t *root = http_json(fixture, path, 200);
        const json_t *items = json_object_get(root, "items");
        const json_t *pagination = json_object_get(root, "pagination");
        assert_int_equal(json_array_size(items), 1);
        assert_int_equal(json_integer_value(json_object_get(pagination, "total")), i == 0 ? 4 : 0);
        assert_int_equal(json_integer_value(json_object_get(pagination, "limit")), 1);
        assert_int_equal(json_is_true(json_object_get(pagination, "has_more")), i < 3);
        seen[i] = json_integer_value(json_object_get(json_array_get(items, 0), "id"));
        const char *next = json_string_value(json_object_get(pagination, "next_cursor"));
        assert_int_equal(next != NULL, i < 3);
        snprintf(path, sizeof path, "/api/events?limit=1&cursor=%s", next != NULL ? next : "");
        json_decref(root);
    }
    static const json_int_t order[] = {4, 3, 2, 1}; // made last first
    assert_memory_equal(seen, order, sizeof order);
}

static void total_is_counted_when_it_is_wanted_else_for_a_first_page(void **state)
{
    static const char *const paths[] = {"/api/events", "/api/detections",
                                        "/api/events/1/detections", "/api/records/cars",
                                        "/api/uploads/refused"};
    // Of a row before any there is.
    static const char later[] = "eyJpZCI6MSwiY3JlYXRlZF9hdCI6IjIwMDAtMDEtMDFUMDA6MDA6MDBaIn0";
    static const struct {
        const char *query;
        bool later, counted;
    } cases[] = {
        {"", false, true},
        {"", true, false},
        {"total=true", false, true},
        {"total=true", true, true},
        {"total=false", false, false},
        {"total=false", true, false},
    };
    fill(*state);
    for (size_t i = 0; i < NJ_COUNT_OF(paths) * NJ_COUNT_OF(cases); i++) {
        const size_t k = i % NJ_COUNT_OF(cases);
        char path[256];
        snprintf(path, sizeof path, "%s?%s&cursor=%s", paths[i / NJ_COUNT_OF(cases)],
                 cases[k].query, cases[k].later ? later : "");
        json_t *root = http_json(*state, path, 200);
        const json_t *total = json_object_get(json_object_get(root, "pagination"), "total");
        if (json_is_integer(total) != cases[k].counted)
            fail_msg("%s", path);
        json_decref(root);
    }
}

static void detail_has_detections_and_neighbours(void **state)
{
    struct http_fixture *fixture = *state;
    fill(fixture);
    json_t *root = http_json(fixture, "/api/events/2", 200);
    assert_int_equal(json_integer_value(json_object_get(root, "newer_id")), 3);
    assert_int_equal(json_integer_value(json_object_get(root, "older_id")), 1);
    assert_int_equal(json_array_size(json_object_get(root, "detections")), 1);
    assert_string_equal(json_string_value(json_object_get(root, "risk_level")), "critical");
    json_decref(root);
    root = http_json(fixture, "/api/events/4", 200);
    assert_true(json_is_null(json_object_get(root, "newer_id")));
    json_decref(root);
    root = http_json(fixture, "/api/events/2/detections", 200);
    assert_int_equal(json_array_size(json_object_get(root, "items")), 1);
    json_decref(root);
    static const char *const absent[] = {"/api/events/99",
                                         "/api/events/0",
                                         "/api/events/x",
                                         "/api/events/-1",
                                         "/api/events/99/detections",
                                         "/api/detections/99",
                                         "/api/cameras/nobody",
                                         "/api/cameras/nobody/snapshot"};
    for (size_t i = 0; i < NJ_COUNT_OF(absent); i++)
        http_expect(http_get(fixture, absent[i]), 404, "\"code\":\"NOT_FOUND\"");
}

static void unchanged_event_is_304(void **state)
{
    struct http_fixture *fixture = *state;
    char etag[64], header[96];
    fill(fixture);
    nj_answer_header(http_get(fixture, "/api/events/2"), "ETag", etag, sizeof etag);
    assert_true(strlen(etag) > 4);
    snprintf(header, sizeof header, "If-None-Match: %s\r\n", etag);
    assert_int_equal(http_ask(fixture, "GET", "/api/events/2", header, NULL)->status, 304);
    http_ask(fixture, "PATCH", "/api/events/2", "Content-Type: application/json\r\n",
             "{\"reviewed\":true}");
    assert_int_equal(http_ask(fixture, "GET", "/api/events/2", header, NULL)->status, 200);
}

static const struct nj_answer *patch(struct http_fixture *fixture, const char *headers,
                                     const char *body)
{
    char lines[256];
    snprintf(lines, sizeof lines, "Content-Type: application/json; charset=utf-8\r\n%s", headers);
    return http_ask(fixture, "PATCH", "/api/events/1", lines, body);
}

static void changes_are_stored_told_and_guarded(void **state)
{
    struct http_fixture *fixture = *state;
    struct nj_loop_client client = {0};
    char message[8192];
    fill(fixture);
    nj_loop_client_open(&client, fixture->loop, nj_api_port(fixture->api));
    nj_ws_open(&client, "/ws/events", "");
    assert_non_null(strstr(nj_ws_next(&client, message, sizeof message), "connected"));
    char etag[64], match[96];
    nj_answer_header(http_get(fixture, "/api/events/1"), "ETag", etag, sizeof etag);
    snprintf(match, sizeof match, "If-Match: %s\r\n", etag);
    http_expect(patch(fixture, match, "{\"reviewed\":true,\"notes\":\"the \\\"postman\\\"\"}"), 200,
                "\"reviewed\":true,\"notes\":\"the \\\"postman\\\"\"");
    nj_ws_next(&client, message, sizeof message);
    assert_non_null(strstr(message, "{\"type\":\"event.updated\",\"data\":{\"id\":1,"));
    assert_non_null(strstr(message, "\"reviewed\":true"));
    http_expect(patch(fixture, match, "{\"reviewed\":false}"), 412, "read it again");
    http_expect(patch(fixture, "If-Match: *\r\n", "{\"notes\":null}"), 200,
                "\"reviewed\":true,\"notes\":\"\"");
    http_expect(patch(fixture, "", "{\"reviewed\":false}"), 200, "\"reviewed\":false");
    nj_loop_client_close(&client);
}

static void change_that_a_full_disk_cannot_keep_says_so(void **state)
{
    struct http_fixture *fixture = *state;
    struct nj_full_disk disk;
    fill(fixture);
    nj_full_disk_begin(&disk, 0);
    const struct nj_answer *answer = patch(fixture, "", "{\"reviewed\":true}");
    nj_full_disk_end(&disk);
    http_expect(answer, 503, "The disk of the database is full");
    assert_null(strstr(answer->body, "/tmp"));
    http_expect(patch(fixture, "", "{\"reviewed\":true}"), 200, "\"reviewed\":true");
}

static void wrong_changes_are_refused(void **state)
{
    static const struct {
        const char *headers, *body;
        int status;
        const char *part;
    } cases[] = {
        {"", "", 400, "BAD_REQUEST"},
        {"", "{", 400, "BAD_REQUEST"},
        {"", "[]", 400, "give reviewed, notes or both"},
        {"", "{}", 400, "give reviewed, notes or both"},
        {"", "{\"reviewed\":1}", 400, "reviewed must be true or false"},
        {"", "{\"notes\":1}", 400, "notes must be a text or null"},
        {"", "{\"risk_score\":1}", 400, "only reviewed and notes"},
        {"", "{\"reviewed\":true,\"reviewed\":true}", 400, "BAD_REQUEST"},
        {"If-Match: \"x\"\r\n", "{\"reviewed\":true}", 412, "no tag of this event"},
        {"If-Match: \"v\"\r\n", "{\"reviewed\":true}", 412, "no tag of this event"},
        {"If-Match: \"v99\"\r\n", "{\"reviewed\":true}", 412, "read it again"},
    };
    struct http_fixture *fixture = *state;
    fill(fixture);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++)
        http_expect(patch(fixture, cases[i].headers, cases[i].body), cases[i].status,
                    cases[i].part);
    char *body = malloc(6000);
    assert_non_null(body);
    snprintf(body, 6000, "{\"notes\":\"%05000d\"}", 0);
    http_expect(patch(fixture, "", body), 400, "notes can hold 4095 bytes");
    free(body);
    http_expect(http_ask(fixture, "PATCH", "/api/events/77", "Content-Type: application/json\r\n",
                         "{\"reviewed\":true}"),
                404, "NOT_FOUND");
}

static void statistics_tell_silence_from_low_risk(void **state)
{
    struct http_fixture *fixture = *state;
    fill(fixture);
    json_t *root = http_json(fixture, "/api/events/stats", 200);
    const json_t *hours = json_object_get(root, "hourly_risk");
    assert_int_equal(json_array_size(hours), 24);
    assert_int_equal(json_integer_value(json_array_get(hours, 23)), 65);
    assert_int_equal(json_integer_value(json_array_get(hours, 22)), 90);
    assert_true(json_is_null(json_array_get(hours, 10)));
    const json_t *levels = json_object_get(root, "events_by_risk_level");
    assert_int_equal(json_integer_value(json_object_get(levels, "high")), 2);
    assert_int_equal(json_integer_value(json_object_get(levels, "low")), 1);
    assert_int_equal(json_integer_value(json_object_get(root, "total_events")), 4);
    json_decref(root);
    root = http_json(fixture, "/api/events/stats?camera_id=yard", 200);
    assert_int_equal(json_integer_value(json_object_get(root, "total_events")), 1);
    json_decref(root);
}

int http_events_test(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, http_setup, http_teardown)
    const struct CMUnitTest tests[] = {
        CASE(filters_choose_events),
        CASE(wrong_parameters_are_named),
        CASE(pages_follow_each_other_without_gap_or_double),
        CASE(total_is_counted_when_it_is_wanted_else_for_a_first_page),
        CASE(detail_has_detections_and_neighbours),
        CASE(unchanged_event_is_304),
        CASE(changes_are_stored_told_and_guarded),
        CASE(change_that_a_full_disk_cannot_keep_says_so),
        CASE(wrong_changes_are_refused),
        CASE(statistics_tell_silence_from_low_risk),
    };
    return cmocka_run_group_tests_name("http events", tests, NULL, NULL);
}
