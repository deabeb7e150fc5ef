// SPDX-License-Identifier: Apache-2.0
// Detections: repeated deliveries, whole rows, filters, cursors, updates.
#include "storage/file_notes_priv.h"
#include "tests/unit/storage/rows_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int store_detections_test(void);

struct detection_arg {
    int64_t id, number;
    struct nj_detection_row row, *rows;
    struct nj_detection_filter filter;
    size_t count;
};

static int get(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct detection_arg *a = arg;
    return nj_detections_get(db, a->id, &a->row, err);
}

static int update(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct detection_arg *a = arg;
    return nj_detections_update(db, &a->row, err);
}

static int list(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct detection_arg *a = arg;
    return nj_detections_list(db, &a->filter, &a->rows, &a->count, err);
}

static int count(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct detection_arg *a = arg;
    return nj_detections_count(db, &a->filter, &a->number, err);
}

static int last_track(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct detection_arg *a = arg;
    return nj_detections_last_track(db, "a", &a->number, err);
}

static void row_reads_back_as_it_was_written(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    assert_int_equal(nj_test_batch(f, "b1", "a", "open"), 0);
    struct nj_detection_row row;
    nj_test_detection_row(&row, "a", 123456789);
    NJ_TEST_SET(row.batch_id, "b1");
    // A path is bytes: newline, quote, invalid UTF-8.
    NJ_TEST_SET(row.file_path, "/c/\n'\xff\xfe.jpg");
    NJ_TEST_SET(row.source_key, "q:1:0");
    row.track_id = 7;
    row.video_offset_ms = 2000;
    row.ended_us = 123456999;
    assert_int_equal(nj_test_detection(f, &row), 0);
    assert_int_equal(row.created_us, nj_test_now(f));
    struct detection_arg a = {.id = row.id};
    memset(&a.row, 0, sizeof(a.row));
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_memory_equal(&a.row, &row, sizeof(row));
    assert_int_equal(nj_test_sql_int(f->db_path,
                                     "SELECT file_path = CAST(x'2f632f0a27fffe2e6a7067' AS BLOB)"
                                     " FROM detections"),
                     1);
}

static void repeated_delivery_changes_nothing_and_names_the_first(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    struct nj_detection_row row;
    nj_test_detection_row(&row, "a", 1);
    NJ_TEST_SET(row.source_key, "q:1:0");
    assert_int_equal(nj_test_detection(f, &row), 0);
    int64_t first = row.id;
    row.id = 0;
    row.confidence = 0.1;
    assert_int_equal(nj_test_detection(f, &row), NJ_E_EXISTS);
    assert_int_equal(row.id, first);
    assert_int_equal(
        nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM detections WHERE confidence = 0.75"), 1);
    row.source_key[0] = '\0'; // no key: every delivery is its own
    assert_int_equal(nj_test_detection(f, &row), 0);
    assert_int_equal(nj_test_detection(f, &row), 0);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM detections"), 3);
}

static void rows_that_contradict_themselves_are_refused(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    struct nj_detection_row row;
    nj_test_detection_row(&row, "a", 1)->confidence = 1.5;
    assert_int_equal(nj_test_detection(f, &row), NJ_E_INVALID);
    nj_test_detection_row(&row, "nobody", 1);
    assert_int_equal(nj_test_detection(f, &row), NJ_E_NOT_FOUND);
    nj_test_detection_row(&row, "a", 1);
    NJ_TEST_SET(row.batch_id, "none");
    assert_int_equal(nj_test_detection(f, &row), NJ_E_NOT_FOUND);
    nj_test_detection_row(&row, "a", 1);
    NJ_TEST_SET(row.media_type, "sound");
    assert_int_equal(nj_test_detection(f, &row), NJ_E_INVALID);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM detections"), 0);
}

static void update_changes_picture_box_and_class_of_one_row(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    struct detection_arg a = {.id = 0};
    nj_test_detection_row(&a.row, "a", 1)->file_is_upload = false;
    NJ_TEST_SET(a.row.file_path, "/pictures/old.jpg");
    assert_int_equal(nj_test_detection(f, &a.row), 0);
    a.row.confidence = 0.9;
    a.row.x = 11;
    a.row.ended_us = 99;
    NJ_TEST_SET(a.row.object_type, "dog");
    NJ_TEST_SET(a.row.file_path, "/pictures/new.jpg");
    assert_int_equal(nj_test_write(f, update, &a), 0);
    struct nj_detection_row wanted = a.row;
    a.id = a.row.id;
    memset(&a.row, 0, sizeof(a.row));
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_memory_equal(&a.row, &wanted, sizeof(wanted));
    a.row.id = 4711;
    assert_int_equal(nj_test_write(f, update, &a), NJ_E_NOT_FOUND);
    a.id = 4711;
    assert_int_equal(nj_test_read(f, get, &a), NJ_E_NOT_FOUND);
}

// Six detections: 0..5, two cameras, two classes, growing confidence; 2 and 3 at the same time.
static void fill(struct nj_store_fixture *f)
{
    static const nj_us times[] = {100, 200, 300, 300, 400, 500};
    nj_test_camera(f, "a");
    nj_test_camera(f, "b");
    assert_int_equal(nj_test_batch(f, "b1", "a", "closed"), 0);
    for (int i = 0; i < 6; i++) {
        struct nj_detection_row row;
        nj_test_detection_row(&row, i % 2 == 0 ? "a" : "b", times[i]);
        row.confidence = 0.1 * (i + 1);
        (void)snprintf(row.object_type, sizeof(row.object_type), i < 4 ? "person" : "car");
        if (i == 0 || i == 4)
            NJ_TEST_SET(row.batch_id, "b1");
        assert_int_equal(nj_test_detection(f, &row), 0);
        assert_int_equal(row.id, i + 1);
    }
    struct nj_event_row event;
    assert_int_equal(nj_test_event(f, nj_test_event_row(&event, "b1", "a", 100)), 0);
}

static void filters_choose_newest_first(void **state)
{
    static const struct {
        struct nj_detection_filter filter;
        const char *ids;
        int64_t total;
    } cases[] = {
        {{.limit = 10}, "6 5 4 3 2 1 ", 6},
        {{.limit = 2}, "6 5 ", 6},
        {{.limit = 10, .camera_id = "a"}, "5 3 1 ", 3},
        {{.limit = 10, .object_type = "car"}, "6 5 ", 2},
        {{.limit = 10, .camera_id = "a", .object_type = "person"}, "3 1 ", 2},
        {{.limit = 10, .batch_id = "b1"}, "5 1 ", 2},
        {{.limit = 10, .event_id = 1}, "5 1 ", 2},
        {{.limit = 10, .event_id = 2}, "", 0},
        {{.limit = 10, .min_confidence = 0.45}, "6 5 ", 2},
        {{.limit = 10, .from_us = 300}, "6 5 4 3 ", 4},
        {{.limit = 10, .to_us = 300}, "2 1 ", 2},
        {{.limit = 10, .from_us = 200, .to_us = 400}, "4 3 2 ", 3},
        {{.limit = 10, .before_us = 300, .before_id = 4}, "3 2 1 ", 6},
        {{.limit = 10, .before_us = 300, .before_id = 3, .camera_id = "b"}, "2 ", 3},
    };
    struct nj_store_fixture *f = *state;
    fill(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct detection_arg a = {.filter = cases[i].filter};
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
    struct detection_arg none = {.filter = {.limit = 0}};
    assert_int_equal(nj_test_read(f, list, &none), NJ_E_INVALID);
    none.filter.limit = 1001;
    assert_int_equal(nj_test_read(f, list, &none), NJ_E_INVALID);
}

static void last_track_outlives_its_rows(void **state)
{
    struct nj_store_fixture *f = *state;
    struct detection_arg a = {.number = -1};
    assert_int_equal(nj_test_read(f, last_track, &a), 0);
    assert_int_equal(a.number, 0);
    nj_test_camera(f, "a");
    nj_test_detection_row(&a.row, "a", 1)->track_id = 12;
    assert_int_equal(nj_test_detection(f, &a.row), 0);
    a.row.track_id = 5;
    assert_int_equal(nj_test_detection(f, &a.row), 0);
    assert_int_equal(nj_test_read(f, last_track, &a), 0);
    assert_int_equal(a.number, 12);
    nj_test_sql(f->db_path, "UPDATE cameras SET last_track_id = 40");
    assert_int_equal(nj_test_read(f, last_track, &a), 0);
    assert_int_equal(a.number, 40);
}

// Published FNV-1a vectors: the empty text and "a", 64 bits.
static void file_key_is_fnv_1a(void **state)
{
    (void)state;
    assert_true((uint64_t)nj_file_key("") == 0xcbf29ce484222325u);
    assert_true((uint64_t)nj_file_key("a") == 0xaf63dc4c8601ec8cu);
    assert_true((uint64_t)nj_file_key("foobar") == 0x85944171f73967e8u);
}

int store_detections_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(row_reads_back_as_it_was_written),
        CASE(repeated_delivery_changes_nothing_and_names_the_first),
        CASE(rows_that_contradict_themselves_are_refused),
        CASE(update_changes_picture_box_and_class_of_one_row),
        CASE(filters_choose_newest_first),
        CASE(last_track_outlives_its_rows),
        cmocka_unit_test(file_key_is_fnv_1a),
    };
    return cmocka_run_group_tests_name("store_detections", tests, NULL, NULL);
}
