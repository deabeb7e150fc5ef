// SPDX-License-Identifier: Apache-2.0
// Cameras: made once, seen forwards only, states that exist.
#include "tests/unit/storage/rows_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

int store_cameras_test(void);

struct camera_arg {
    struct nj_camera_identity identity;
    bool created;
    nj_us seen_us;
    const struct nj_camera_picture *picture;
    const char *status, *reason;
    char path[NJ_STORE_PATH_SIZE];
    nj_us picture_us;
    struct nj_camera_row row;
};

static int ensure(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct camera_arg *a = arg;
    return nj_cameras_ensure(db, &a->identity, &a->created, err);
}

static int touch(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct camera_arg *a = arg;
    return nj_cameras_touch(db, a->identity.id, a->seen_us, a->picture, err);
}

static int set_status(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct camera_arg *a = arg;
    return nj_cameras_set_status(db, a->identity.id, a->status, a->reason, err);
}

static int get(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct camera_arg *a = arg;
    return nj_cameras_get(db, a->identity.id, &a->row, err);
}

static int get_picture(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct camera_arg *a = arg;
    return nj_cameras_get_picture(db, a->identity.id, a->path, &a->picture_us, err);
}

static void camera_is_made_once_and_then_kept(void **state)
{
    struct nj_store_fixture *f = *state;
    struct camera_arg a = {.identity = {"front_door", "Front Door", "folder"}};
    assert_int_equal(nj_test_write(f, ensure, &a), 0);
    assert_true(a.created);
    a.identity.name = "Other";
    assert_int_equal(nj_test_write(f, ensure, &a), 0);
    assert_false(a.created);
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_string_equal(a.row.name, "Front Door");
    assert_string_equal(a.row.kind, "folder");
    assert_string_equal(a.row.status, "unknown");
    assert_int_equal(a.row.created_us, nj_test_now(f));
}

static void last_seen_moves_forward_only(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    struct camera_arg a = {.identity = {"a", "a", "folder"}, .seen_us = 100};
    a.status = "offline";
    a.reason = "no upload";
    assert_int_equal(nj_test_write(f, set_status, &a), 0);
    assert_int_equal(nj_test_write(f, touch, &a), 0);
    a.seen_us = 50;
    assert_int_equal(nj_test_write(f, touch, &a), 0);
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_int_equal(a.row.last_seen_us, 100);
    assert_string_equal(a.row.status, "online");
    assert_string_equal(a.row.reason, "");
}

static void last_seen_in_the_future_is_of_a_clock_that_was_set_back(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    struct camera_arg a = {.identity = {"a", "a", "folder"}, .seen_us = nj_test_now(f)};
    assert_int_equal(nj_test_write(f, touch, &a), 0);
    nj_fake_clock_jump_wall(&f->clock, -1);
    a.seen_us = nj_test_now(f);
    assert_int_equal(nj_test_write(f, touch, &a), 0);
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_int_equal(a.row.last_seen_us, a.seen_us);
}

static void newest_picture_is_the_one_taken_last(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    const nj_us now_us = nj_test_now(f);
    const nj_us ahead_us = now_us + NJ_CAPTURE_AHEAD_MAX_US;
    const struct {
        struct nj_camera_picture picture; // no path: the touch has none
        const char *expected;
        nj_us expected_us;
    } steps[] = {
        {{NULL, 0}, "", 0},
        {{"/one\xff.jpg", now_us}, "/one\xff.jpg", now_us},
        {{"/older.jpg", now_us - 1}, "/one\xff.jpg", now_us},
        {{NULL, 0}, "/one\xff.jpg", now_us},
        {{"/same.jpg", now_us}, "/same.jpg", now_us},
        {{"/ahead.jpg", ahead_us}, "/ahead.jpg", ahead_us},
        {{"/now.jpg", now_us}, "/ahead.jpg", ahead_us},
    };
    struct camera_arg a = {.identity = {"a", "a", "folder"}, .seen_us = now_us};
    for (size_t i = 0; i < NJ_COUNT_OF(steps); i++) {
        a.picture = steps[i].picture.path != NULL ? &steps[i].picture : NULL;
        assert_int_equal(nj_test_write(f, touch, &a), 0);
        assert_int_equal(nj_test_read(f, get_picture, &a), 0);
        assert_string_equal(a.path, steps[i].expected);
        assert_int_equal(a.picture_us, steps[i].expected_us);
    }
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_int_equal(a.row.picture_us, ahead_us);
}

static void picture_too_far_ahead_is_of_a_clock_that_was_set_back(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    const nj_us far_us = nj_test_now(f) + NJ_CAPTURE_AHEAD_MAX_US;
    struct nj_camera_picture picture = {"/far.jpg", far_us};
    struct camera_arg a = {.identity = {"a", "a", "folder"}, .picture = &picture};
    assert_int_equal(nj_test_write(f, touch, &a), 0);
    nj_fake_clock_jump_wall(&f->clock, -1);
    picture = (struct nj_camera_picture){"/now.jpg", nj_test_now(f)};
    assert_int_equal(nj_test_write(f, touch, &a), 0);
    assert_int_equal(nj_test_read(f, get_picture, &a), 0);
    assert_string_equal(a.path, "/now.jpg");
}

static void status_tells_its_reason(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    struct camera_arg a = {.identity = {"a", "a", "folder"}};
    a.status = "offline";
    a.reason = "no upload for an hour";
    assert_int_equal(nj_test_write(f, set_status, &a), 0);
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_string_equal(a.row.status, "offline");
    assert_string_equal(a.row.reason, "no upload for an hour");
    a.status = "sleepy";
    assert_int_equal(nj_test_write(f, set_status, &a), NJ_E_INVALID);
}

static void unknown_camera_is_not_found(void **state)
{
    static const nj_store_body writes[] = {touch, set_status};
    struct nj_store_fixture *f = *state;
    struct camera_arg a = {.identity = {"x", "x", "folder"}, .status = "online", .reason = ""};
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
        assert_int_equal(nj_test_write(f, writes[i], &a), NJ_E_NOT_FOUND);
    assert_int_equal(nj_test_read(f, get, &a), NJ_E_NOT_FOUND);
    assert_int_equal(nj_test_read(f, get_picture, &a), NJ_E_NOT_FOUND);
}

struct list {
    struct nj_camera_row *rows;
    size_t count;
};

static int list(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct list *l = arg;
    return nj_cameras_list(db, &l->rows, &l->count, err);
}

static void list_is_in_order_of_ids(void **state)
{
    struct nj_store_fixture *f = *state;
    struct list l = {.count = 9};
    assert_int_equal(nj_test_read(f, list, &l), 0);
    assert_int_equal(l.count, 0);
    nj_test_camera(f, "b");
    nj_test_camera(f, "a");
    assert_int_equal(nj_test_read(f, list, &l), 0);
    assert_int_equal(l.count, 2);
    assert_string_equal(l.rows[0].id, "a");
    assert_string_equal(l.rows[1].id, "b");
    free(l.rows);
}

int store_cameras_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(camera_is_made_once_and_then_kept),
        CASE(last_seen_moves_forward_only),
        CASE(status_tells_its_reason),
        CASE(unknown_camera_is_not_found),
        CASE(list_is_in_order_of_ids),
        CASE(last_seen_in_the_future_is_of_a_clock_that_was_set_back),
        CASE(newest_picture_is_the_one_taken_last),
        CASE(picture_too_far_ahead_is_of_a_clock_that_was_set_back),
    };
    return cmocka_run_group_tests_name("store_cameras", tests, NULL, NULL);
}
