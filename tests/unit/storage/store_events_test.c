// SPDX-License-Identifier: Apache-2.0
// Events: one a batch, patches with versions, filters, neighbours, figures over time.
#include "tests/unit/storage/rows_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int store_events_test(void);

static const nj_us hour = 3600 * (nj_us)NJ_US_PER_S;

struct event_arg {
    int64_t id, number, newer, older;
    struct nj_event_row row, *rows;
    struct nj_event_filter filter;
    struct nj_event_patch patch;
    nj_us us;
    int risks[4];
    size_t count;
};

static int get(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct event_arg *a = arg;
    return nj_events_get(db, a->id, &a->row, err);
}

static int patch(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct event_arg *a = arg;
    return nj_events_patch(db, a->id, &a->patch, &a->row, err);
}

static int list(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct event_arg *a = arg;
    return nj_events_list(db, &a->filter, &a->rows, &a->count, err);
}

static int count(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct event_arg *a = arg;
    return nj_events_count(db, &a->filter, &a->number, err);
}

static int neighbours(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct event_arg *a = arg;
    return nj_events_neighbours(db, a->id, &a->newer, &a->older, err);
}

static int recent(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct event_arg *a = arg;
    return nj_events_recent(db, "a", a->us, &a->number, err);
}

static int hourly(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct event_arg *a = arg;
    return nj_events_hourly_risk(db, a->us, 4, a->risks, err);
}

static void setup_batch(struct nj_store_fixture *f)
{
    nj_test_camera(f, "a");
    assert_int_equal(nj_test_batch(f, "b1", "a", "closed"), 0);
}

static void event_reads_back_as_it_was_written(void **state)
{
    struct nj_store_fixture *f = *state;
    setup_batch(f);
    struct nj_event_row row;
    nj_test_event_row(&row, "b1", "a", 1000);
    row.best_detection_id = 3;
    row.is_fast_path = true;
    NJ_TEST_SET(row.notes, "neighbour's cat");
    assert_int_equal(nj_test_event(f, &row), 0);
    assert_int_equal(row.version, 1);
    assert_int_equal(row.created_us, nj_test_now(f));
    struct event_arg a = {.id = row.id};
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_memory_equal(&a.row, &row, sizeof(row));
    a.id = 4711;
    assert_int_equal(nj_test_read(f, get, &a), NJ_E_NOT_FOUND);
}

static void second_event_of_a_batch_is_refused_and_names_the_first(void **state)
{
    struct nj_store_fixture *f = *state;
    setup_batch(f);
    struct nj_event_row row;
    assert_int_equal(nj_test_event(f, nj_test_event_row(&row, "b1", "a", 1)), 0);
    int64_t first = row.id;
    nj_test_event_row(&row, "b1", "a", 2);
    assert_int_equal(nj_test_event(f, &row), NJ_E_EXISTS);
    assert_int_equal(row.id, first);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM events"), 1);
}

static void events_that_contradict_themselves_are_refused(void **state)
{
    struct nj_store_fixture *f = *state;
    setup_batch(f);
    struct nj_event_row row;
    nj_test_event_row(&row, "b1", "a", 10)->risk_score = 101;
    assert_int_equal(nj_test_event(f, &row), NJ_E_INVALID);
    nj_test_event_row(&row, "b1", "a", 10)->ended_us = 9;
    assert_int_equal(nj_test_event(f, &row), NJ_E_INVALID);
    NJ_TEST_SET(nj_test_event_row(&row, "b1", "a", 10)->risk_level, "huge");
    assert_int_equal(nj_test_event(f, &row), NJ_E_INVALID);
    assert_int_equal(nj_test_event(f, nj_test_event_row(&row, "none", "a", 10)), NJ_E_NOT_FOUND);
}

static void patch_changes_what_is_given_and_counts_versions(void **state)
{
    struct nj_store_fixture *f = *state;
    setup_batch(f);
    struct event_arg a = {.id = 1};
    assert_int_equal(nj_test_write(f, patch, &a), NJ_E_NOT_FOUND);
    assert_int_equal(nj_test_event(f, nj_test_event_row(&a.row, "b1", "a", 1)), 0);
    bool yes = true;
    a.patch = (struct nj_event_patch){.reviewed = &yes, .if_version = 1};
    assert_int_equal(nj_test_write(f, patch, &a), 0);
    assert_true(a.row.reviewed);
    assert_int_equal(a.row.version, 2);
    assert_int_equal(nj_test_write(f, patch, &a), NJ_E_CONFLICT); // still asks for version 1
    a.patch = (struct nj_event_patch){.notes = "postman"};
    assert_int_equal(nj_test_write(f, patch, &a), 0);
    assert_true(a.row.reviewed);
    assert_string_equal(a.row.notes, "postman");
    bool no = false;
    a.patch = (struct nj_event_patch){.reviewed = &no, .notes = "", .if_version = 3};
    assert_int_equal(nj_test_write(f, patch, &a), 0);
    assert_false(a.row.reviewed);
    assert_string_equal(a.row.notes, "");
}

// Five events: times 1 h apart but 2 and 3, which are of one time.
static void fill(struct nj_store_fixture *f, nj_us base)
{
    static const struct {
        const char *camera, *level, *types, *summary;
        int hours, risk;
        bool reviewed;
    } rows[] = {
        {"a", "low", "cat", "Cat on the fence", 0, 10, true},
        {"b", "high", "person,car", "Person near a car", 1, 70, false},
        {"a", "high", "person", "Person, 50% sure", 1, 75, false},
        {"b", "medium", "cart", "A cart_wheel", 2, 40, false},
        {"a", "critical", "person,dog", "Person with dog", 3, 90, true},
    };
    nj_test_camera(f, "a");
    nj_test_camera(f, "b");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct nj_event_row row;
        char batch[16];
        (void)snprintf(batch, sizeof(batch), "b%zu", i);
        assert_int_equal(nj_test_batch(f, batch, rows[i].camera, "closed"), 0);
        nj_test_event_row(&row, batch, rows[i].camera, base + rows[i].hours * hour);
        row.risk_score = rows[i].risk;
        row.reviewed = rows[i].reviewed;
        (void)snprintf(row.risk_level, sizeof(row.risk_level), "%s", rows[i].level);
        (void)snprintf(row.object_types, sizeof(row.object_types), "%s", rows[i].types);
        (void)snprintf(row.summary, sizeof(row.summary), "%s", rows[i].summary);
        (void)snprintf(row.reasoning, sizeof(row.reasoning), "because");
        assert_int_equal(nj_test_event(f, &row), 0);
    }
}

static void filters_choose_those_made_last_first(void **state)
{
    const nj_us base = 1000 * hour;
    const struct {
        struct nj_event_filter filter;
        const char *ids;
        int64_t total;
    } cases[] = {
        {{.limit = 9, .reviewed = -1}, "5 4 3 2 1 ", 5},
        {{.limit = 2, .reviewed = -1}, "5 4 ", 5},
        {{.limit = 9, .reviewed = -1, .camera_id = "b"}, "4 2 ", 2},
        {{.limit = 9, .reviewed = -1, .risk_level = "high"}, "3 2 ", 2},
        {{.limit = 9, .reviewed = 0}, "4 3 2 ", 3},
        {{.limit = 9, .reviewed = 1}, "5 1 ", 2},
        {{.limit = 9, .reviewed = -1, .object_type = "car"}, "2 ", 1},
        {{.limit = 9, .reviewed = -1, .object_type = "person"}, "5 3 2 ", 3},
        {{.limit = 9, .reviewed = -1, .object_type = "c%"}, "", 0},
        {{.limit = 9, .reviewed = -1, .text = "PERSON"}, "5 3 2 ", 3},
        {{.limit = 9, .reviewed = -1, .text = "50%"}, "3 ", 1},
        {{.limit = 9, .reviewed = -1, .text = "cart_w"}, "4 ", 1},
        {{.limit = 9, .reviewed = -1, .text = "t_w\\"}, "", 0},
        {{.limit = 9, .reviewed = -1, .text = "because"}, "5 4 3 2 1 ", 5},
        {{.limit = 9, .reviewed = -1, .from_us = base + 2 * hour}, "5 4 ", 2},
        {{.limit = 9, .reviewed = -1, .to_us = base + hour}, "1 ", 1},
        {{.limit = 9, .reviewed = -1, .before_id = 3}, "2 1 ", 5},
        {{.limit = 9, .reviewed = 0, .camera_id = "b", .text = "person"}, "2 ", 1},
    };
    struct nj_store_fixture *f = *state;
    fill(f, base);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_arg a = {.filter = cases[i].filter};
        assert_int_equal(nj_test_read(f, list, &a), 0);
        char ids[64] = "";
        for (size_t k = 0; k < a.count; k++)
            (void)snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%lld ",
                           (long long)a.rows[k].id);
        assert_string_equal(ids, cases[i].ids);
        free(a.rows);
        assert_int_equal(nj_test_read(f, count, &a), 0);
        assert_int_equal(a.number, cases[i].total);
    }
    struct event_arg none = {.filter = {.limit = 0}};
    assert_int_equal(nj_test_read(f, list, &none), NJ_E_INVALID);
}

static void an_event_of_old_photos_is_the_newest_when_it_is_made(void **state)
{
    struct nj_store_fixture *f = *state;
    const nj_us base = 1000 * hour;
    struct nj_event_row row;
    fill(f, base);
    assert_int_equal(nj_test_batch(f, "old", "a", "closed"), 0);
    nj_test_event_row(&row, "old", "a", base - 900 * hour);
    assert_int_equal(nj_test_event(f, &row), 0);
    struct event_arg first = {.filter = {.limit = 1, .reviewed = -1}};
    assert_int_equal(nj_test_read(f, list, &first), 0);
    assert_int_equal(first.rows[0].id, 6);
    free(first.rows);
    struct event_arg next = {.id = 5};
    assert_int_equal(nj_test_read(f, neighbours, &next), 0);
    assert_int_equal(next.newer, 6);
}

static void neighbours_follow_the_order_they_were_made_in(void **state)
{
    static const int64_t cases[][3] = {{1, 2, 0}, {2, 3, 1}, {3, 4, 2}, {5, 0, 4}, {99, 0, 0}};
    struct nj_store_fixture *f = *state;
    fill(f, hour);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_arg a = {.id = cases[i][0], .newer = -1, .older = -1};
        assert_int_equal(nj_test_read(f, neighbours, &a), 0);
        assert_int_equal(a.newer, cases[i][1]);
        assert_int_equal(a.older, cases[i][2]);
    }
}

static void recent_counts_one_camera_from_a_time_on(void **state)
{
    struct nj_store_fixture *f = *state;
    fill(f, hour);
    struct event_arg a = {.us = 2 * hour};
    assert_int_equal(nj_test_read(f, recent, &a), 0);
    assert_int_equal(a.number, 2);
}

static void recent_stops_counting_where_more_means_nothing(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    for (int i = 0; i <= NJ_EVENTS_RECENT_MAX; i++) {
        struct nj_event_row row;
        char batch[16];
        (void)snprintf(batch, sizeof(batch), "b%d", i);
        assert_int_equal(nj_test_batch(f, batch, "a", "closed"), 0);
        assert_int_equal(nj_test_event(f, nj_test_event_row(&row, batch, "a", hour)), 0);
    }
    struct event_arg a = {.us = hour};
    assert_int_equal(nj_test_read(f, recent, &a), 0);
    assert_int_equal(a.number, NJ_EVENTS_RECENT_MAX);
}

static void hourly_risk_is_the_highest_of_each_hour(void **state)
{
    struct nj_store_fixture *f = *state;
    fill(f, 10 * hour); // at 10, 11, 11, 12, 13 o'clock
    struct event_arg a = {.us = 14 * hour + hour / 2};
    assert_int_equal(nj_test_read(f, hourly, &a), 0);
    assert_int_equal(a.risks[0], 75); // 10:30 to 11:30
    assert_int_equal(a.risks[1], 40);
    assert_int_equal(a.risks[2], 90);
    assert_int_equal(a.risks[3], -1);
    a.us = 12 * hour; // the edge: an event of this moment counts, later ones do not
    assert_int_equal(nj_test_read(f, hourly, &a), 0);
    assert_int_equal(a.risks[3], 40);
    assert_int_equal(a.risks[2], 75);
    assert_int_equal(a.risks[1], 10);
    assert_int_equal(a.risks[0], -1);
}

int store_events_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(event_reads_back_as_it_was_written),
        CASE(second_event_of_a_batch_is_refused_and_names_the_first),
        CASE(events_that_contradict_themselves_are_refused),
        CASE(patch_changes_what_is_given_and_counts_versions),
        CASE(filters_choose_those_made_last_first),
        CASE(an_event_of_old_photos_is_the_newest_when_it_is_made),
        CASE(neighbours_follow_the_order_they_were_made_in),
        CASE(recent_counts_one_camera_from_a_time_on),
        CASE(recent_stops_counting_where_more_means_nothing),
        CASE(hourly_risk_is_the_highest_of_each_hour),
    };
    return cmocka_run_group_tests_name("store_events", tests, NULL, NULL);
}
