// SPDX-License-Identifier: Apache-2.0
// Batching and analysis under random histories of deliveries, capture times, pauses, rolled back
// transactions, shutdowns and crashes. A seed makes one history; what must hold is read from the
// store at the end.
#include "analysis/analysis.h"
#include "batch/batch.h"

#include "tests/fake/fake_clock.h"
#include "tests/fake/temp_dir.h"
#include "util/mem.h"
#include "util/rng.h"
#include "util/text.h"

#include <sqlite3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int batch_sim_test(void);

enum { SEEDS = 30, STEPS = 120, ROWS_MAX = 12, CAMERAS = 3 };

static const nj_us start_us = 1769250600LL * NJ_US_PER_S;

struct sim {
    uint64_t seed;
    struct nj_rng rng;
    struct nj_fake_clock clock;
    struct nj_temp_dir dir;
    char path[NJ_TEMP_PATH_MAX];
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_bus *bus;
    struct nj_work_queue *queue;
    struct nj_batcher *batcher;
    struct nj_latency *latency;
    struct nj_analysis *analysis; // NULL while it does not run
    unsigned generation;          // of the file
    struct nj_batch_options options;
    int64_t deliveries, stored;
};

static int64_t pick(struct sim *sim, int64_t low, int64_t high)
{
    return low + (int64_t)nj_rng_below(&sim->rng, (uint64_t)(high - low + 1));
}

static int apply_nothing(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    (void)db;
    (void)err;
    return 0;
}

static void rest(struct sim *sim)
{
    size_t ran = 1;
    while (ran > 0) {
        struct nj_store_op barrier = {.apply = apply_nothing};
        assert_int_equal(nj_store_write_wait(sim->store, &barrier, NULL), 0);
        assert_int_equal(nj_store_read_wait(sim->store, &barrier, NULL), 0);
        ran = nj_loop_turn(sim->loop);
    }
}

static void open_house(struct sim *sim)
{
    static const char *const types[] = {"person"};
    const struct nj_store_options store = {
        .path = sim->path, .readers = 1, .max_queued = 1000, .group_max = 8};
    const struct nj_work_queue_options options = {.max_size = 10000,
                                                  .overflow = NJ_OVERFLOW_REJECT,
                                                  .pressure_threshold = 0.8,
                                                  .max_attempts = 3,
                                                  .max_lost = 10,
                                                  .retry_base_us = NJ_US_PER_S,
                                                  .retry_cap_us = NJ_US_PER_S,
                                                  .lease_us = 30LL * NJ_US_PER_S};
    sim->options.fast_path_types = (struct nj_text_list){types, 1};
    assert_int_equal(nj_loop_create(&sim->clock.clock, &sim->loop, NULL), 0);
    assert_int_equal(nj_store_open(&store, &sim->clock.clock, &sim->store, NULL), 0);
    assert_int_equal(nj_bus_create(sim->loop, NULL, 1000, &sim->bus, NULL), 0);
    const struct nj_work_queue_config queue = {.name = "analysis_queue",
                                               .metric_label = "analysis",
                                               .store = sim->store,
                                               .loop = sim->loop,
                                               .options = options,
                                               .seed = sim->seed};
    assert_int_equal(nj_work_queue_create(&queue, &sim->queue, NULL), 0);
    const struct nj_batcher_config batcher = {.options = sim->options,
                                              .model_fast_path_threshold = 0.9,
                                              .loop = sim->loop,
                                              .store = sim->store,
                                              .analysis_queue = sim->queue,
                                              .bus = sim->bus};
    assert_int_equal(nj_batcher_create(&batcher, &sim->batcher, NULL), 0);
    assert_int_equal(nj_batcher_start(sim->batcher, NULL), 0);
    rest(sim);
}

static void start_analysis(struct sim *sim)
{
    if (sim->analysis != NULL)
        return;
    const struct nj_analysis_config config = {.options = {.timezone = "UTC"},
                                              .severity = {29, 59, 84},
                                              .loop = sim->loop,
                                              .store = sim->store,
                                              .queue = sim->queue,
                                              .bus = sim->bus,
                                              .latency = sim->latency};
    assert_int_equal(nj_analysis_create(&config, &sim->analysis, NULL), 0);
    assert_int_equal(nj_analysis_start(sim->analysis, NULL), 0);
}

static void close_house(struct sim *sim)
{
    nj_analysis_stop(sim->analysis);
    nj_batcher_stop(sim->batcher);
    nj_work_queue_pause(sim->queue);
    rest(sim);
    nj_analysis_destroy(sim->analysis);
    sim->analysis = NULL;
    nj_batcher_destroy(sim->batcher);
    nj_work_queue_destroy(sim->queue);
    nj_store_close(sim->store);
    nj_bus_destroy(sim->bus);
    while (nj_loop_turn(sim->loop) > 0)
        continue;
    nj_loop_destroy(sim->loop);
}

// What is durable at this moment is all that is left; what is under way comes to nothing.
static void crash(struct sim *sim)
{
    char name[32], left[NJ_TEMP_PATH_MAX];
    snprintf(name, sizeof name, "house%u.db", ++sim->generation);
    nj_temp_dir_path(&sim->dir, name, left);
    assert_int_equal(nj_store_backup(sim->store, left, NULL), 0);
    close_house(sim);
    memcpy(sim->path, left, sizeof left);
    open_house(sim);
}

struct delivery {
    struct nj_store_op op;
    struct sim *sim;
    struct nj_detection_row rows[ROWS_MAX];
    struct nj_outbox outbox;
    size_t count;
    bool fails;
};

static int apply_delivery(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct delivery *delivery = NJ_CONTAINER_OF(op, struct delivery, op);
    struct nj_detection_sink sink = nj_batcher_sink(delivery->sim->batcher);
    struct nj_new_detections found = {delivery->rows, delivery->count, nj_db_now_us(db), 0};
    const char *camera_id = delivery->rows[0].camera_id;
    const struct nj_camera_identity camera = {camera_id, camera_id, "folder"};
    nj_outbox_reset(&delivery->outbox);
    int rc = nj_cameras_ensure(db, &camera, NULL, err);
    if (rc == 0)
        rc = sink.store(sink.context, db, &found, &delivery->outbox, err);
    return rc == 0 && delivery->fails ? NJ_E_IO : rc;
}

// Mostly one picture of the present; sometimes a clip, an old picture or a clock that runs ahead.
static void fill_delivery(struct sim *sim, struct delivery *delivery)
{
    int64_t kind = pick(sim, 0, 9);
    nj_us at_us = nj_wall_us(&sim->clock.clock);
    if (kind >= 7)
        at_us += pick(sim, -200, kind == 9 ? 200 : 0) * NJ_US_PER_S;
    nj_us step_us = kind == 6 ? pick(sim, 0, 40) * NJ_US_PER_S : 0;
    int64_t camera = pick(sim, 1, CAMERAS);
    delivery->count = (size_t)pick(sim, 1, ROWS_MAX);
    sim->deliveries += 1;
    for (size_t i = 0; i < delivery->count; i++) {
        struct nj_detection_row *row = &delivery->rows[i];
        nj_text_copy(row->media_type, sizeof row->media_type, "image");
        nj_text_copy(row->object_type, sizeof row->object_type,
                     pick(sim, 0, 1) == 0 ? "person" : "car");
        row->confidence = (double)pick(sim, 30, 92) / 100;
        row->detected_us = row->ended_us = at_us + (nj_us)i * step_us;
        snprintf(row->camera_id, sizeof row->camera_id, "camera_%d", (int)camera);
        snprintf(row->source_key, sizeof row->source_key, "%lld/%zu", (long long)sim->deliveries,
                 i);
    }
}

static void step_deliver(struct sim *sim)
{
    struct delivery *delivery = calloc(1, sizeof *delivery);
    assert_non_null(delivery);
    delivery->op.apply = apply_delivery;
    delivery->sim = sim;
    delivery->fails = pick(sim, 0, 9) == 0;
    fill_delivery(sim, delivery);
    int rc = nj_store_write_wait(sim->store, &delivery->op, NULL);
    assert_int_equal(rc, delivery->fails ? NJ_E_IO : 0);
    if (rc == 0) {
        sim->stored += (int64_t)delivery->count;
        nj_outbox_publish(&delivery->outbox, sim->bus);
    }
    nj_outbox_reset(&delivery->outbox);
    free(delivery);
}

static void ignore(void *arg, int rc)
{
    (void)arg;
    assert_int_equal(rc, 0);
}

static void step(struct sim *sim)
{
    int64_t what = pick(sim, 0, 99);
    if (what < 60) {
        step_deliver(sim);
    } else if (what < 88) {
        nj_fake_clock_advance(&sim->clock, pick(sim, 0, 20) * NJ_US_PER_S);
        (void)nj_loop_turn(sim->loop);
    } else if (what < 91) {
        nj_batcher_close_all(sim->batcher, ignore, NULL);
    } else if (what < 95) {
        start_analysis(sim);
    } else if (what < 97) {
        nj_fake_clock_jump_wall(&sim->clock, pick(sim, -300, 300) * NJ_US_PER_S);
    } else {
        crash(sim);
    }
    if (pick(sim, 0, 2) > 0) // else the next step comes while this one is under way
        rest(sim);
}

static int64_t ask(struct sim *sim, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(sim->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static void require(struct sim *sim, const char *sql, int64_t expected, const char *rule)
{
    int64_t value = ask(sim, sql);
    if (value != expected)
        fail_msg("seed %llu: %s: %lld, not %lld", (unsigned long long)sim->seed, rule,
                 (long long)value, (long long)expected);
}

static void check_rules(struct sim *sim)
{
    char sql[512];
    require(sim, "SELECT COUNT(*) FROM detections", sim->stored, "what was stored is there");
    require(sim, "SELECT COUNT(*) FROM detections WHERE batch_id IS NULL", 0,
            "each detection is in a batch");
    require(sim,
            "SELECT COUNT(*) FROM batches b WHERE detection_count <>"
            " (SELECT COUNT(*) FROM detections d WHERE d.batch_id = b.id)",
            0, "batches count what they hold");
    require(sim,
            "SELECT COUNT(*) FROM detections d JOIN batches b ON b.id = d.batch_id"
            " WHERE b.camera_id <> d.camera_id",
            0, "batches hold one camera");
    require(sim,
            "SELECT COUNT(*) FROM batches b WHERE started_us <>"
            " (SELECT MIN(detected_us) FROM detections d WHERE d.batch_id = b.id)"
            " OR last_activity_us <>"
            " (SELECT MAX(detected_us) FROM detections d WHERE d.batch_id = b.id)",
            0, "batches know their span");
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM batches WHERE close_reason <> 'fast_path'"
             " AND (detection_count > %lld OR last_activity_us - started_us >= %lld)",
             (long long)sim->options.max_detections, (long long)sim->options.window_us);
    require(sim, sql, 0, "no batch is too large or too long");
    require(sim,
            "SELECT COUNT(*) FROM batches b WHERE (state = 'closed') <> (1 ="
            " (SELECT COUNT(*) FROM work_items w WHERE w.unique_key = b.id))",
            0, "a closed batch waits exactly once");
    require(sim,
            "SELECT COUNT(*) FROM batches b WHERE (state = 'analysed') <> (1 ="
            " (SELECT COUNT(*) FROM events e WHERE e.batch_id = b.id))",
            0, "an analysed batch has exactly one event");
    require(sim, "SELECT COUNT(*) FROM work_items",
            ask(sim, "SELECT COUNT(*) FROM batches"
                     " WHERE state = 'closed'"),
            "nothing else waits");
    require(sim, "SELECT COUNT(*) FROM dead_letters", 0, "nothing failed");
}

static void check_ends(struct sim *sim)
{
    nj_batcher_close_all(sim->batcher, ignore, NULL);
    start_analysis(sim);
    for (int i = 0; i < 4; i++) { // leases of those that died end
        rest(sim);
        nj_fake_clock_advance(&sim->clock, 40LL * NJ_US_PER_S);
        (void)nj_loop_turn(sim->loop);
    }
    rest(sim);
    check_rules(sim);
    require(sim, "SELECT COUNT(*) FROM batches WHERE state <> 'analysed'", 0,
            "at the end everything is an event");
}

static void run_history(uint64_t seed)
{
    struct sim sim = {.seed = seed};
    nj_rng_seed(&sim.rng, seed);
    nj_fake_clock_init(&sim.clock, start_us);
    nj_temp_dir_init(&sim.dir);
    nj_temp_dir_path(&sim.dir, "house.db", sim.path);
    sim.options = (struct nj_batch_options){.window_us = pick(&sim, 20, 120) * NJ_US_PER_S,
                                            .idle_us = pick(&sim, 5, 60) * NJ_US_PER_S,
                                            .check_us = pick(&sim, 1, 10) * NJ_US_PER_S,
                                            .max_detections = pick(&sim, 1, 30),
                                            .fast_path_threshold = -1};
    sim.latency = nj_latency_create();
    open_house(&sim);
    for (int i = 0; i < STEPS; i++)
        step(&sim);
    rest(&sim);
    check_rules(&sim);
    check_ends(&sim);
    close_house(&sim);
    nj_latency_destroy(sim.latency);
    nj_temp_dir_finish(&sim.dir);
}

static void every_history_keeps_the_rules(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_history(seed);
}

int batch_sim_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_history_keeps_the_rules),
    };
    return cmocka_run_group_tests_name("batch_sim", tests, NULL, NULL);
}
