// SPDX-License-Identifier: Apache-2.0
// Work items: order, leases, fences, uniqueness; and that the claim follows its index.
#include "storage/store_work.h"
#include "tests/unit/storage/storage_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

int store_work_test(void);

static const nj_us lease = 30 * (nj_us)NJ_US_PER_S;

struct put {
    const char *key;
    int priority;
    nj_us not_before_us;
    int64_t id;
};

static int put_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct put *put = arg;
    char payload[] = "{\"a\":1}";
    struct nj_work_row row = {.queue = "q",
                              .payload = payload,
                              .priority = put->priority,
                              .not_before_us = put->not_before_us};
    (void)snprintf(row.unique_key, sizeof(row.unique_key), "%s", put->key);
    return nj_work_insert(db, &row, &put->id, err);
}

static int64_t put(struct nj_store_fixture *f, const char *key, int priority, nj_us not_before_us)
{
    struct put arg = {.key = key, .priority = priority, .not_before_us = not_before_us};
    assert_int_equal(nj_test_write(f, put_body, &arg), 0);
    return arg.id;
}

struct claim {
    size_t limit, count;
    struct nj_work_row rows[64];
};

static int claim_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct claim *claim = arg;
    struct nj_work_wish wish = {.queue = "q", .lease_us = lease, .limit = claim->limit};
    return nj_work_claim(db, &wish, claim->rows, &claim->count, err);
}

static size_t claim(struct nj_store_fixture *f, size_t limit, struct claim *out)
{
    out->limit = limit;
    assert_int_equal(nj_test_write(f, claim_body, out), 0);
    for (size_t i = 0; i < out->count; i++) {
        assert_string_equal(out->rows[i].payload, "{\"a\":1}");
        nj_work_row_finish(&out->rows[i]);
    }
    return out->count;
}

static void claims_by_priority_then_age(void **state)
{
    struct nj_store_fixture *f = *state;
    int64_t low = put(f, "", 0, 0), old = put(f, "", 5, 0), young = put(f, "", 5, 0);
    struct claim got;
    assert_int_equal(claim(f, 2, &got), 2);
    assert_int_equal(got.rows[0].id, old);
    assert_int_equal(got.rows[1].id, young);
    assert_int_equal(got.rows[0].attempts, 1);
    assert_int_equal(got.rows[0].fence, 1);
    assert_int_equal(claim(f, 2, &got), 1);
    assert_int_equal(got.rows[0].id, low);
}

static void waits_for_not_before(void **state)
{
    struct nj_store_fixture *f = *state;
    put(f, "", 0, nj_test_now(f) + NJ_US_PER_S);
    struct claim got;
    assert_int_equal(claim(f, 1, &got), 0);
    nj_fake_clock_advance(&f->clock, NJ_US_PER_S);
    assert_int_equal(claim(f, 1, &got), 1);
}

static void expired_lease_is_claimed_anew_with_a_new_fence(void **state)
{
    struct nj_store_fixture *f = *state;
    put(f, "", 0, 0);
    struct claim got;
    assert_int_equal(claim(f, 1, &got), 1);
    nj_fake_clock_advance(&f->clock, lease - 1);
    assert_int_equal(claim(f, 1, &got), 0);
    nj_fake_clock_advance(&f->clock, 1);
    assert_int_equal(claim(f, 1, &got), 1);
    assert_int_equal(got.rows[0].fence, 2);
    assert_int_equal(got.rows[0].attempts, 2);
}

struct fenced {
    int64_t id, fence;
    nj_us us;
    const char *history;
};

static int delete_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct fenced *a = arg;
    return nj_work_delete(db, a->id, a->fence, err);
}

static int extend_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct fenced *a = arg;
    return nj_work_extend(db, a->id, a->fence, a->us, err);
}

static int release_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct fenced *a = arg;
    return nj_work_release(db, a->id, a->fence, err);
}

static int postpone_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct fenced *a = arg;
    return nj_work_postpone(db, a->id, a->fence, a->us, err);
}

static int retry_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct fenced *a = arg;
    char history[] = "[{\"error\":\"x\"}]";
    struct nj_work_row row = {
        .id = a->id, .fence = a->fence, .first_failed_us = 77, .history = history};
    return nj_work_retry(db, &row, a->us, err);
}

static void live_unique_key_is_refused_and_free_after_delete(void **state)
{
    struct nj_store_fixture *f = *state;
    put(f, "k", 0, 0);
    struct put again = {.key = "k"};
    assert_int_equal(nj_test_write(f, put_body, &again), NJ_E_EXISTS);
    struct claim got;
    assert_int_equal(claim(f, 1, &got), 1);
    assert_int_equal(nj_test_write(f, put_body, &again), NJ_E_EXISTS);
    struct fenced gone = {.id = got.rows[0].id, .fence = got.rows[0].fence};
    assert_int_equal(nj_test_write(f, delete_body, &gone), 0);
    assert_int_equal(nj_test_write(f, put_body, &again), 0);
    assert_true(again.id > gone.id); // an id never comes back
}

static void old_fence_is_refused_by_every_change(void **state)
{
    static const nj_store_body bodies[] = {delete_body, extend_body, release_body, retry_body,
                                           postpone_body};
    struct nj_store_fixture *f = *state;
    put(f, "", 0, 0);
    struct claim first, second;
    assert_int_equal(claim(f, 1, &first), 1);
    nj_fake_clock_advance(&f->clock, lease);
    assert_int_equal(claim(f, 1, &second), 1);
    struct fenced late = {.id = first.rows[0].id, .fence = first.rows[0].fence, .us = 1};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_int_equal(nj_test_write(f, bodies[i], &late), NJ_E_CONFLICT);
    late.fence = second.rows[0].fence;
    assert_int_equal(nj_test_write(f, delete_body, &late), 0);
    assert_int_equal(nj_test_write(f, delete_body, &late), NJ_E_CONFLICT);
}

static void extend_keeps_the_lease_alive(void **state)
{
    struct nj_store_fixture *f = *state;
    put(f, "", 0, 0);
    struct claim got;
    assert_int_equal(claim(f, 1, &got), 1);
    struct fenced mine = {.id = got.rows[0].id, .fence = 1, .us = 2 * lease};
    assert_int_equal(nj_test_write(f, extend_body, &mine), 0);
    nj_fake_clock_advance(&f->clock, 2 * lease - 1);
    assert_int_equal(claim(f, 1, &got), 0);
    nj_fake_clock_advance(&f->clock, 1);
    assert_int_equal(claim(f, 1, &got), 1);
}

static void release_gives_the_attempt_back(void **state)
{
    struct nj_store_fixture *f = *state;
    put(f, "", 0, 0);
    struct claim got;
    assert_int_equal(claim(f, 1, &got), 1);
    struct fenced mine = {.id = got.rows[0].id, .fence = 1};
    assert_int_equal(nj_test_write(f, release_body, &mine), 0);
    // Released is not claimed: the former owner must not end it.
    assert_int_equal(nj_test_write(f, delete_body, &mine), NJ_E_CONFLICT);
    assert_int_equal(claim(f, 1, &got), 1);
    assert_int_equal(got.rows[0].attempts, 1);
    assert_int_equal(got.rows[0].fence, 2);
}

static int next_due_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    return nj_work_next_due(db, "q", arg, err);
}

static int tally_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    return nj_work_counts(db, "q", arg, err);
}

static void retry_waits_and_keeps_the_history(void **state)
{
    struct nj_store_fixture *f = *state;
    put(f, "", 0, 0);
    struct claim got;
    assert_int_equal(claim(f, 1, &got), 1);
    struct fenced mine = {.id = got.rows[0].id, .fence = 1, .us = 4 * NJ_US_PER_S};
    assert_int_equal(nj_test_write(f, retry_body, &mine), 0);
    nj_us due = 0;
    assert_int_equal(nj_test_read(f, next_due_body, &due), 0);
    assert_int_equal(due, nj_test_now(f) + 4 * NJ_US_PER_S);
    assert_int_equal(claim(f, 1, &got), 0);
    nj_fake_clock_advance(&f->clock, 4 * NJ_US_PER_S);
    got.limit = 1;
    assert_int_equal(nj_test_write(f, claim_body, &got), 0);
    assert_int_equal(got.count, 1);
    assert_string_equal(got.rows[0].history, "[{\"error\":\"x\"}]");
    assert_int_equal(got.rows[0].first_failed_us, 77);
    assert_int_equal(got.rows[0].attempts, 2);
    nj_work_row_finish(&got.rows[0]);
}

static void counts_tell_waiting_from_claimed(void **state)
{
    struct nj_store_fixture *f = *state;
    struct nj_work_tally tally = {.waiting = -1};
    nj_us due = -1;
    assert_int_equal(nj_test_read(f, tally_body, &tally), 0);
    assert_int_equal(tally.waiting + tally.claimed + tally.oldest_us, 0);
    assert_int_equal(nj_test_read(f, next_due_body, &due), 0);
    assert_int_equal(due, 0);
    put(f, "", 0, 0);
    nj_fake_clock_advance(&f->clock, 5);
    put(f, "", 0, 0);
    struct claim got;
    assert_int_equal(claim(f, 1, &got), 1);
    assert_int_equal(nj_test_read(f, tally_body, &tally), 0);
    assert_int_equal(tally.waiting, 1);
    assert_int_equal(tally.claimed, 1);
    assert_int_equal(tally.oldest_us, nj_test_now(f));
}

static int take_oldest_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    return nj_work_take_oldest(db, "q", arg, err);
}

static void oldest_waiting_item_can_be_taken_out(void **state)
{
    struct nj_store_fixture *f = *state;
    struct nj_work_row row;
    assert_int_equal(nj_test_write(f, take_oldest_body, &row), NJ_E_NOT_FOUND);
    put(f, "", 0, 0);
    struct claim got;
    assert_int_equal(claim(f, 1, &got), 1); // claimed ones stay
    int64_t second = put(f, "two", 0, 0);
    put(f, "", 9, 0);
    assert_int_equal(nj_test_write(f, take_oldest_body, &row), 0);
    assert_int_equal(row.id, second);
    assert_string_equal(row.unique_key, "two");
    nj_work_row_finish(&row);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM work_items"), 2);
}

static void too_big_payload_is_refused(void **state)
{
    struct nj_store_fixture *f = *state;
    char *big = malloc(NJ_WORK_PAYLOAD_MAX + 2);
    assert_non_null(big);
    memset(big, 'x', NJ_WORK_PAYLOAD_MAX + 1);
    big[NJ_WORK_PAYLOAD_MAX + 1] = '\0';
    struct nj_work_row row = {.queue = "q", .payload = big};
    assert_int_equal(nj_work_insert(NULL, &row, NULL, &f->err), NJ_E_TOO_BIG);
    free(big);
}

// What SQLite does for a statement; one step only.
static void check_plan(const struct nj_store_fixture *f, const char *explained,
                       const char *expected)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open_v2(f->db_path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, explained, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const char *plan = (const char *)sqlite3_column_text(stmt, 3);
    assert_non_null(strstr(plan, expected));
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE); // no step that sorts
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

// The order must come from the index: sorting, or walking the whole table, is slow with many
// waiting.
static void claims_are_found_in_order_by_the_index(void **state)
{
    check_plan(*state,
               "EXPLAIN QUERY PLAN SELECT * FROM work_items WHERE queue = ?1 AND due_us <= ?2"
               " ORDER BY priority DESC, id LIMIT ?3",
               "USING INDEX work_items_claim (queue=?");
}

static void earlier_items_of_an_order_are_found_by_the_index(void **state)
{
    check_plan(*state,
               "EXPLAIN QUERY PLAN SELECT due_us FROM work_items"
               " WHERE queue = ?1 AND order_key = ?2 AND id < ?3 ORDER BY id LIMIT 1",
               "USING INDEX work_items_order (queue=? AND order_key=? AND id<?)");
}

struct ordered {
    const char *queue, *key;
    int64_t id;
};

static int put_ordered(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct ordered *item = arg;
    char payload[] = "{}";
    struct nj_work_row row = {.payload = payload, .not_before_us = item->id};
    (void)snprintf(row.order_key, sizeof row.order_key, "%s", item->key);
    (void)snprintf(row.queue, sizeof row.queue, "%s", item->queue);
    return nj_work_insert(db, &row, &item->id, err);
}

struct earlier {
    const char *key;
    int64_t id;
    nj_us due_us;
};

static int look_earlier(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct earlier *look = arg;
    const struct nj_work_order order = {"q", look->key, look->id};
    return nj_work_earlier_due(db, &order, &look->due_us, err);
}

static void earliest_item_of_an_order_in_its_queue_is_found(void **state)
{
    struct nj_store_fixture *f = *state;
    struct ordered items[] = {
        {"q", "a", 700}, {"other", "b", 800}, {"q", "", 900}, {"q", "b", 1100}, {"q", "b", 1000},
    };
    static const struct {
        const char *key;
        size_t before;
        nj_us due_us; // 0: none
    } looks[] = {{"a", 1, 700}, {"a", 0, 0}, {"b", 3, 0}, {"b", 4, 1100}, {"", 4, 0}};
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        assert_int_equal(nj_test_write(f, put_ordered, &items[i]), 0);
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        struct earlier look = {.key = looks[i].key, .id = items[looks[i].before].id};
        assert_int_equal(nj_test_write(f, look_earlier, &look),
                         looks[i].due_us != 0 ? 0 : NJ_E_NOT_FOUND);
        assert_int_equal(look.due_us, looks[i].due_us);
    }
}

int store_work_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(claims_by_priority_then_age),
        CASE(waits_for_not_before),
        CASE(expired_lease_is_claimed_anew_with_a_new_fence),
        CASE(live_unique_key_is_refused_and_free_after_delete),
        CASE(old_fence_is_refused_by_every_change),
        CASE(extend_keeps_the_lease_alive),
        CASE(release_gives_the_attempt_back),
        CASE(retry_waits_and_keeps_the_history),
        CASE(counts_tell_waiting_from_claimed),
        CASE(oldest_waiting_item_can_be_taken_out),
        CASE(too_big_payload_is_refused),
        CASE(earliest_item_of_an_order_in_its_queue_is_found),
        CASE(earlier_items_of_an_order_are_found_by_the_index),
        CASE(claims_are_found_in_order_by_the_index),
    };
    return cmocka_run_group_tests_name("store_work", tests, NULL, NULL);
}
