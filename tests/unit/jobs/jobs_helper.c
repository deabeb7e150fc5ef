// SPDX-License-Identifier: Apache-2.0
// The bench of the work queue's tests.
#include "tests/unit/jobs/jobs_helper.h"

#include "storage/sql_priv.h"
#include "util/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char queue_name[] = "detection_queue";

static void set_default(const struct nj_option *option, void *out)
{
    char *place = (char *)out + option->offset;
    double number = 0;
    if (option->type == NJ_OPTION_CHOICE) {
        for (int i = 0; option->choices[i]; i++)
            if (strcmp(option->choices[i], option->fallback) == 0)
                memcpy(place, &i, sizeof i);
        return;
    }
    assert_int_equal(nj_text_to_double(option->fallback, &number), 0);
    int64_t integer = (int64_t)number;
    if (option->type == NJ_OPTION_SECONDS)
        integer = (int64_t)(number * NJ_US_PER_S);
    if (option->type == NJ_OPTION_NUMBER)
        memcpy(place, &number, sizeof number);
    else
        memcpy(place, &integer, sizeof integer);
}

struct nj_work_queue_options nj_jobs_bench_options(void)
{
    struct nj_work_queue_options options = {0};
    const struct nj_option_group *group = &nj_work_queue_option_group;
    assert_int_equal(group->struct_size, sizeof options);
    for (size_t i = 0; i < group->count; i++)
        set_default(&group->options[i], &options);
    return options;
}

static struct nj_work_queue *make_queue(struct nj_jobs_bench *bench, struct nj_metrics *metrics,
                                        const struct nj_work_queue_options *options)
{
    const struct nj_work_queue_config config = {
        .name = queue_name,
        .metric_label = "detection",
        .order_member = "who",
        .store = bench->store,
        .loop = bench->loop,
        .metrics = metrics,
        .log = bench->log,
        .options = *options,
        .seed = 1,
    };
    struct nj_work_queue *queue = NULL;
    assert_int_equal(nj_work_queue_create(&config, &queue, NULL), 0);
    return queue;
}

void nj_jobs_bench_init(struct nj_jobs_bench *bench, const struct nj_work_queue_options *options)
{
    *bench = (struct nj_jobs_bench){0};
    nj_fake_clock_init(&bench->clock, 1769250600LL * NJ_US_PER_S);
    assert_int_equal(nj_loop_create(&bench->clock.clock, &bench->loop, NULL), 0);
    const struct nj_store_options store = {
        .path = ":memory:", .readers = 1, .max_queued = 1000, .group_max = 100};
    assert_int_equal(nj_store_open(&store, &bench->clock.clock, &bench->store, NULL), 0);
    bench->metrics = nj_metrics_create();
    assert_non_null(bench->metrics);
    bench->queue = make_queue(bench, bench->metrics, options);
}

struct nj_work_queue *nj_jobs_bench_other(struct nj_jobs_bench *bench)
{
    struct nj_work_queue_options options = nj_jobs_bench_options();
    return make_queue(bench, NULL, &options);
}

void nj_jobs_bench_finish(struct nj_jobs_bench *bench)
{
    nj_work_queue_destroy(bench->queue);
    nj_store_close(bench->store);
    while (nj_loop_turn(bench->loop) > 0)
        continue;
    nj_loop_destroy(bench->loop);
    nj_metrics_destroy(bench->metrics);
}

void nj_jobs_bench_keep(struct nj_work_item *item, void *arg)
{
    struct nj_jobs_bench *bench = arg;
    assert_true(bench->held_count < NJ_BENCH_HELD_MAX);
    bench->held[bench->held_count++] = item;
    bench->handed++;
}

void nj_jobs_bench_start(struct nj_jobs_bench *bench, size_t capacity)
{
    assert_int_equal(nj_work_queue_start(bench->queue, capacity, nj_jobs_bench_keep, bench), 0);
    nj_jobs_bench_run(bench);
}

static int apply_nothing(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    (void)db;
    (void)err;
    return 0;
}

void nj_jobs_bench_run(struct nj_jobs_bench *bench)
{
    size_t ran = 1;
    while (ran) {
        // Operations are delivered in order: what was submitted before has posted its `done`.
        struct nj_store_op barrier = {.apply = apply_nothing};
        (void)nj_store_write_wait(bench->store, &barrier, NULL);
        ran = nj_loop_turn(bench->loop);
    }
}

void nj_jobs_bench_pass(struct nj_jobs_bench *bench, nj_us us)
{
    nj_fake_clock_advance(&bench->clock, us);
    (void)nj_loop_turn(bench->loop);
    nj_jobs_bench_run(bench);
}

struct call {
    struct nj_store_op op;
    struct nj_jobs_bench *bench;
    const struct nj_work_put *put;
    struct nj_work_item *item;
    struct nj_letter_page page;
    struct nj_work_tally tally;
    const char *reason;
    const struct nj_work_failed *failed;
    int64_t id, deleted;
    int fails_with;
};

static int run(struct nj_jobs_bench *bench, struct call *call,
               int (*apply)(struct nj_store_op *op, struct nj_db *db, struct nj_error *err))
{
    call->bench = bench;
    call->op.apply = apply;
    int rc = nj_store_write_wait(bench->store, &call->op, NULL);
    nj_jobs_bench_run(bench);
    return rc;
}

static int apply_put(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    int rc = nj_work_queue_put(call->bench->queue, db, call->put, err);
    return rc < 0 ? rc : call->fails_with;
}

int nj_jobs_bench_put(struct nj_jobs_bench *bench, const struct nj_work_put *put)
{
    return run(bench, &(struct call){.put = put}, apply_put);
}

int nj_jobs_bench_put_text(struct nj_jobs_bench *bench, const char *payload)
{
    return nj_jobs_bench_put(bench, &(struct nj_work_put){.payload = payload});
}

static int apply_earlier(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    const struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    const struct nj_work_order order = {queue_name, call->reason, INT64_MAX};
    nj_us due_us;
    return nj_work_earlier_due(db, &order, &due_us, err);
}

bool nj_jobs_bench_has_order(struct nj_jobs_bench *bench, const char *key)
{
    return run(bench, &(struct call){.reason = key}, apply_earlier) == 0;
}

void nj_jobs_bench_put_rolled_back(struct nj_jobs_bench *bench, const char *payload)
{
    struct call call = {.put = &(struct nj_work_put){.payload = payload}, .fails_with = NJ_E_IO};
    assert_int_equal(run(bench, &call, apply_put), NJ_E_IO);
}

struct nj_work_item *nj_jobs_bench_take(struct nj_jobs_bench *bench)
{
    assert_true(bench->held_count > 0);
    struct nj_work_item *item = bench->held[0];
    bench->held_count--;
    memmove(bench->held, bench->held + 1, bench->held_count * sizeof bench->held[0]);
    return item;
}

static int apply_complete(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    return nj_work_queue_complete(call->bench->queue, db, call->item, err);
}

int nj_jobs_bench_complete(struct nj_jobs_bench *bench, struct nj_work_item *item)
{
    int rc = run(bench, &(struct call){.item = item}, apply_complete);
    nj_work_queue_finish(bench->queue, item);
    nj_jobs_bench_run(bench);
    return rc;
}

void nj_jobs_bench_fail(struct nj_jobs_bench *bench, struct nj_work_item *item, bool permanent)
{
    struct nj_error why;
    nj_error_set(&why, NJ_E_UNAVAILABLE, "the detector does not answer");
    nj_work_queue_fail(bench->queue, item, permanent, &why);
    nj_jobs_bench_run(bench);
}

struct nj_work_queue_stats nj_jobs_bench_stats(struct nj_jobs_bench *bench)
{
    struct nj_work_queue_stats stats;
    nj_work_queue_get_stats(bench->queue, &stats);
    return stats;
}

static int apply_tally(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    return nj_work_counts(db, queue_name, &call->tally, err);
}

struct nj_work_tally nj_jobs_bench_tally(struct nj_jobs_bench *bench)
{
    struct call call = {0};
    assert_int_equal(run(bench, &call, apply_tally), 0);
    return call.tally;
}

static int apply_list(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    const struct nj_letter_filter filter = {.queue = queue_name, .limit = 100};
    return nj_letters_list(db, &filter, &call->page, err);
}

struct nj_letter_page nj_jobs_bench_letters(struct nj_jobs_bench *bench)
{
    struct call call = {0};
    assert_int_equal(run(bench, &call, apply_list), 0);
    return call.page;
}

static int apply_requeue(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    return nj_work_queue_requeue(call->bench->queue, db, call->id, err);
}

int nj_jobs_bench_requeue(struct nj_jobs_bench *bench, int64_t letter_id)
{
    return run(bench, &(struct call){.id = letter_id}, apply_requeue);
}

static int apply_letter(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    return nj_work_queue_put_letter(call->bench->queue, db, call->failed, err);
}

int nj_jobs_bench_put_letter(struct nj_jobs_bench *bench, const struct nj_work_failed *failed)
{
    return run(bench, &(struct call){.failed = failed}, apply_letter);
}

static int apply_purge(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    return nj_work_queue_purge(call->bench->queue, db, call->reason, &call->deleted, err);
}

int nj_jobs_bench_purge(struct nj_jobs_bench *bench, const char *reason, int64_t *out_deleted)
{
    struct call call = {.reason = reason};
    int rc = run(bench, &call, apply_purge);
    *out_deleted = call.deleted;
    return rc;
}

struct sql_op {
    struct nj_store_op op;
    const char *text;
};

static int apply_sql(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_sql sql;
    const char *text = NJ_CONTAINER_OF(op, struct sql_op, op)->text;
    int rc = nj_sql_begin_once(&sql, db, text, err);
    return rc == 0 ? nj_sql_run(&sql, NULL, err) : rc; // ends it, too
}

void nj_jobs_bench_sql(struct nj_jobs_bench *bench, const char *text)
{
    struct sql_op sql = {.op = {.apply = apply_sql}, .text = text};
    assert_int_equal(nj_store_write_wait(bench->store, &sql.op, NULL), 0);
}

int nj_jobs_bench_setup(void **state)
{
    struct nj_jobs_bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    struct nj_work_queue_options options = nj_jobs_bench_options();
    nj_jobs_bench_init(bench, &options);
    *state = bench;
    return 0;
}

int nj_jobs_bench_teardown(void **state)
{
    nj_jobs_bench_finish(*state);
    free(*state);
    return 0;
}

int64_t nj_jobs_item_number(const struct nj_work_item *item)
{
    return json_integer_value(json_object_get(item->payload, "n"));
}
