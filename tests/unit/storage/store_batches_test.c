// SPDX-License-Identifier: Apache-2.0
// Batches: one open per camera, growth, closing once, analysed after closing.
#include "tests/unit/storage/rows_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

int store_batches_test(void);

struct batch_arg {
    const char *id;
    struct nj_batch_growth growth;
    struct nj_batch_row row, *rows;
    size_t count;
};

static int append(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct batch_arg *a = arg;
    return nj_batches_append(db, a->id, &a->growth, err);
}

static int close_batch(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct batch_arg *a = arg;
    return nj_batches_close(db, a->id, "idle", err);
}

static int set_analysed(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct batch_arg *a = arg;
    return nj_batches_set_analysed(db, a->id, err);
}

static int get(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct batch_arg *a = arg;
    return nj_batches_get(db, a->id, &a->row, err);
}

static int open_of(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct batch_arg *a = arg;
    return nj_batches_open_of(db, "a", &a->row, err);
}

static int list_open(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct batch_arg *a = arg;
    return nj_batches_list_open(db, &a->rows, &a->count, err);
}

static int64_t add_detection(struct nj_store_fixture *f)
{
    struct nj_detection_row row;
    assert_int_equal(nj_test_detection(f, nj_test_detection_row(&row, "a", nj_test_now(f))), 0);
    return row.id;
}

static void second_open_batch_of_a_camera_is_refused(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    nj_test_camera(f, "b");
    assert_int_equal(nj_test_batch(f, "b1", "a", "open"), 0);
    assert_int_equal(nj_test_batch(f, "b2", "a", "open"), NJ_E_EXISTS);
    assert_int_equal(nj_test_batch(f, "b2", "b", "open"), 0);
    assert_int_equal(nj_test_batch(f, "b3", "a", "closed"), 0);
    struct batch_arg a = {.id = "b1"};
    assert_int_equal(nj_test_write(f, close_batch, &a), 0);
    assert_int_equal(nj_test_batch(f, "b4", "a", "open"), 0);
}

static void batch_id_is_unique(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    nj_test_camera(f, "b");
    assert_int_equal(nj_test_batch(f, "b1", "a", "open"), 0);
    assert_int_equal(nj_test_batch(f, "b1", "b", "open"), NJ_E_EXISTS);
}

static void batch_of_an_unknown_camera_is_refused(void **state)
{
    struct nj_store_fixture *f = *state;
    assert_int_equal(nj_test_batch(f, "b1", "nobody", "open"), NJ_E_NOT_FOUND);
}

static void append_links_counts_and_moves_times(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    assert_int_equal(nj_test_batch(f, "b1", "a", "open"), 0);
    nj_us started = nj_test_now(f);
    int64_t ids[2] = {add_detection(f), add_detection(f)};
    nj_fake_clock_advance(&f->clock, 7);
    struct batch_arg a = {.id = "b1", .growth = {ids, 2, 0, started + 5, 0}};
    assert_int_equal(nj_test_write(f, append, &a), 0);
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_int_equal(a.row.detection_count, 2);
    assert_int_equal(a.row.last_activity_us, started + 5);
    assert_int_equal(a.row.arrived_us, started + 7);
    a.growth = (struct nj_batch_growth){ids, 2, 0, started + 1, 0}; // again, and older
    assert_int_equal(nj_test_write(f, append, &a), 0);
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_int_equal(a.row.detection_count, 2);
    assert_int_equal(a.row.last_activity_us, started + 5);
    assert_int_equal(
        nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM detections WHERE batch_id = 'b1'"), 2);
}

static int get_ids(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct nj_batch_growth *out = arg;
    int64_t *ids = NULL;
    int rc = nj_batches_detection_ids(db, "b1", &ids, &out->count, err);
    out->detection_ids = ids;
    return rc;
}

static void append_of_an_older_picture_moves_the_beginning(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    assert_int_equal(nj_test_batch(f, "b1", "a", "open"), 0);
    nj_us started = nj_test_now(f);
    int64_t ids[2] = {add_detection(f), add_detection(f)};
    struct batch_arg a = {.id = "b1", .growth = {ids, 1, 0, started, started - 9}};
    assert_int_equal(nj_test_write(f, append, &a), 0);
    a.growth = (struct nj_batch_growth){ids + 1, 1, 0, started, 0}; // says nothing
    assert_int_equal(nj_test_write(f, append, &a), 0);
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_int_equal(a.row.started_us, started - 9);
    struct nj_batch_growth all = {0};
    assert_int_equal(nj_test_read(f, get_ids, &all), 0);
    assert_int_equal(all.count, 2);
    assert_memory_equal(all.detection_ids, ids, sizeof ids);
    free((void *)(uintptr_t)all.detection_ids);
}

static void append_refuses_missing_detections_and_closed_batches(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    assert_int_equal(nj_test_batch(f, "b1", "a", "open"), 0);
    int64_t ids[] = {add_detection(f), 4711};
    struct batch_arg a = {.id = "b1", .growth = {ids, 2, 0, 1, 0}};
    assert_int_equal(nj_test_write(f, append, &a), NJ_E_NOT_FOUND);
    // The first of the two went back with the operation.
    assert_int_equal(
        nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM detections WHERE batch_id = 'b1'"), 0);
    assert_int_equal(nj_test_write(f, close_batch, &a), 0);
    a.growth.count = 1;
    assert_int_equal(nj_test_write(f, append, &a), NJ_E_CONFLICT);
}

static void fast_path_batch_takes_detections_until_it_is_analysed(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    assert_int_equal(nj_test_batch(f, "b1", "a", "closed"), 0);
    nj_test_sql(f->db_path, "UPDATE batches SET close_reason = 'fast_path'");
    int64_t ids[] = {add_detection(f)};
    struct batch_arg a = {.id = "b1", .growth = {ids, 1, 0, 1, 0}};
    assert_int_equal(nj_test_write(f, append, &a), 0);
    assert_int_equal(nj_test_write(f, set_analysed, &a), 0);
    ids[0] = add_detection(f);
    assert_int_equal(nj_test_write(f, append, &a), NJ_E_CONFLICT);
}

static void closing_twice_is_a_conflict(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    assert_int_equal(nj_test_batch(f, "b1", "a", "open"), 0);
    struct batch_arg a = {.id = "b1"};
    nj_fake_clock_advance(&f->clock, 3);
    assert_int_equal(nj_test_write(f, close_batch, &a), 0);
    assert_int_equal(nj_test_write(f, close_batch, &a), NJ_E_CONFLICT);
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_string_equal(a.row.state, "closed");
    assert_string_equal(a.row.close_reason, "idle");
    assert_int_equal(a.row.closed_us, nj_test_now(f));
}

static void analysed_comes_after_closed_and_may_repeat(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    assert_int_equal(nj_test_batch(f, "b1", "a", "open"), 0);
    struct batch_arg a = {.id = "b1"};
    assert_int_equal(nj_test_write(f, set_analysed, &a), NJ_E_CONFLICT);
    assert_int_equal(nj_test_write(f, close_batch, &a), 0);
    assert_int_equal(nj_test_write(f, set_analysed, &a), 0);
    assert_int_equal(nj_test_write(f, set_analysed, &a), 0);
    a.id = "none";
    assert_int_equal(nj_test_write(f, set_analysed, &a), NJ_E_CONFLICT);
}

static void open_batches_are_found_by_camera_and_together(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    nj_test_camera(f, "b");
    struct batch_arg a = {.id = "none"};
    assert_int_equal(nj_test_read(f, get, &a), NJ_E_NOT_FOUND);
    assert_int_equal(nj_test_read(f, open_of, &a), NJ_E_NOT_FOUND);
    assert_int_equal(nj_test_batch(f, "b2", "b", "open"), 0);
    assert_int_equal(nj_test_batch(f, "b0", "a", "closed"), 0);
    assert_int_equal(nj_test_batch(f, "b1", "a", "open"), 0);
    assert_int_equal(nj_test_read(f, open_of, &a), 0);
    assert_string_equal(a.row.id, "b1");
    assert_int_equal(nj_test_read(f, list_open, &a), 0);
    assert_int_equal(a.count, 2);
    assert_string_equal(a.rows[0].id, "b1");
    assert_string_equal(a.rows[1].id, "b2");
    free(a.rows);
}

int store_batches_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(second_open_batch_of_a_camera_is_refused),
        CASE(batch_id_is_unique),
        CASE(batch_of_an_unknown_camera_is_refused),
        CASE(append_links_counts_and_moves_times),
        CASE(append_of_an_older_picture_moves_the_beginning),
        CASE(append_refuses_missing_detections_and_closed_batches),
        CASE(fast_path_batch_takes_detections_until_it_is_analysed),
        CASE(closing_twice_is_a_conflict),
        CASE(analysed_comes_after_closed_and_may_repeat),
        CASE(open_batches_are_found_by_camera_and_together),
    };
    return cmocka_run_group_tests_name("store_batches", tests, NULL, NULL);
}
