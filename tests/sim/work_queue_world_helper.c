// SPDX-License-Identifier: Apache-2.0
// Actions and invariants of the work queue's simulation.
#include "tests/sim/work_queue_world.h"

#include "jobs/dead_letter.h"
#include "util/mem.h"

#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { CAPACITY_MAX = 4, MAX_QUEUED = 8, GROUP_MAX = 4, JITTER_PERCENT = 25 };

static const char queue_name[] = "sim";

static void require(const struct nj_world *world, bool holds, const char *what)
{
    if (!holds)
        fail_msg("seed %llu, step %d: %s", (unsigned long long)world->seed, world->step, what);
}

static uint64_t below(struct nj_world *world, uint64_t bound)
{
    return nj_rng_below(&world->rng, bound);
}

static nj_us wall(const struct nj_world *world)
{
    return nj_wall_us(&world->clock.clock);
}

// --- Store and queue -----------------------------------------------------------------------------

static void file_path(const struct nj_world *world, unsigned generation, const char *suffix,
                      char out[NJ_WORLD_PATH])
{
    snprintf(out, NJ_WORLD_PATH, "%s/%u.db%s", world->dir.path, generation, suffix);
}

static void open_store(struct nj_world *world)
{
    char path[NJ_WORLD_PATH] = ":memory:";
    if (world->on_file)
        file_path(world, world->generation, "", path);
    const struct nj_store_options options = {
        .path = path, .readers = 1, .max_queued = MAX_QUEUED, .group_max = GROUP_MAX};
    struct nj_error err = {0};
    if (nj_store_open(&options, &world->clock.clock, &world->store, &err) < 0)
        fail_msg("seed %llu: %s", (unsigned long long)world->seed, err.text);
}

static void open_queue(struct nj_world *world)
{
    const struct nj_work_queue_config config = {
        .name = queue_name,
        .metric_label = queue_name,
        .store = world->store,
        .loop = world->loop,
        .options = world->options,
        .seed = world->seed,
    };
    require(world, nj_work_queue_create(&config, &world->queue, NULL) == 0, "queue opens");
}

static void handle_item(struct nj_work_item *item, void *arg)
{
    struct nj_world *world = arg;
    int n = (int)json_integer_value(json_object_get(item->payload, "n"));
    struct nj_world_item *model = &world->items[n];
    require(world, model->accepted, "only accepted items come");
    require(world, !model->done, "a completed item does not come again");
    require(world, model->id != item->id || item->fence > model->fence, "fences grow");
    require(world, model->jumps != world->jumps || wall(world) >= model->earliest_us,
            "no retry before its delay");
    require(world, item->attempts <= world->options.max_attempts + world->options.max_lost,
            "attempts are bounded");
    for (size_t i = 0; i < world->hold_count; i++)
        require(world, world->holds[i].n != n || !world->holds[i].item, "one holder at a time");
    model->id = item->id;
    model->fence = item->fence;
    require(world, world->hold_count < NJ_WORLD_HOLDS, "room for holds");
    world->holds[world->hold_count++] =
        (struct nj_world_hold){.item = item, .id = item->id, .fence = item->fence, .n = n};
}

static void start_queue(struct nj_world *world)
{
    size_t capacity = 1 + (size_t)below(world, CAPACITY_MAX);
    require(world, nj_work_queue_start(world->queue, capacity, handle_item, world) == 0, "starts");
    world->paused = false;
}

void nj_world_init(struct nj_world *world, uint64_t seed, bool on_file)
{
    *world = (struct nj_world){.seed = seed, .on_file = on_file, .next = 1};
    nj_rng_seed(&world->rng, seed);
    nj_fake_clock_init(&world->clock, 1769250600LL * NJ_US_PER_S);
    assert_int_equal(nj_loop_create(&world->clock.clock, &world->loop, NULL), 0);
    if (on_file)
        nj_temp_dir_init(&world->dir);
    world->options = (struct nj_work_queue_options){
        .max_size = 2 + (int64_t)below(world, 12),
        .overflow = (int)below(world, 3),
        .pressure_threshold = 0.8,
        .max_attempts = 1 + (int64_t)below(world, 4),
        .max_lost = 2 + (int64_t)below(world, 3),
        .retry_base_us = NJ_US_PER_S,
        .retry_cap_us = 4LL * NJ_US_PER_S,
        .retry_jitter = JITTER_PERCENT / 100.0,
        .lease_us = 30LL * NJ_US_PER_S,
    };
    open_store(world);
    open_queue(world);
    start_queue(world);
}

static void turn_out(struct nj_world *world)
{
    while (nj_loop_turn(world->loop) > 0)
        continue;
}

void nj_world_finish(struct nj_world *world)
{
    nj_work_queue_destroy(world->queue);
    nj_store_close(world->store);
    turn_out(world);
    nj_loop_destroy(world->loop);
    if (world->on_file)
        nj_temp_dir_finish(&world->dir);
}

// --- Operations ----------------------------------------------------------------------------------

struct call {
    struct nj_store_op op;
    struct nj_world *world;
    struct nj_work_put puts[3];
    size_t put_count;
    struct nj_work_item item;
    struct nj_letter_page page;
    struct nj_work_tally tally;
    nj_us next_due_us;
    int64_t letter;
    int fails_with; // after its work is done
};

// Waits also for a place in the store's list: only the queue's own operations shall be refused.
static int write_wait(struct nj_world *world, struct nj_store_op *op)
{
    int rc = NJ_E_FULL;
    op->rc = NJ_E_AGAIN;
    while (rc == NJ_E_FULL && op->rc == NJ_E_AGAIN) {
        rc = nj_store_write_wait(world->store, op, NULL);
        if (rc == NJ_E_FULL && op->rc == NJ_E_AGAIN)
            sched_yield();
    }
    return rc;
}

static int run(struct nj_world *world, struct call *call,
               int (*apply)(struct nj_store_op *op, struct nj_db *db, struct nj_error *err))
{
    call->world = world;
    call->op.apply = apply;
    return write_wait(world, &call->op);
}

static int apply_nothing(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    (void)db;
    (void)err;
    return 0;
}

void nj_world_rest(struct nj_world *world)
{
    size_t ran = 1;
    while (ran) {
        struct nj_store_op barrier = {.apply = apply_nothing};
        (void)write_wait(world, &barrier);
        ran = nj_loop_turn(world->loop);
    }
}

static int apply_put(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    for (size_t i = 0; i < call->put_count; i++) {
        int rc = nj_work_queue_put(call->world->queue, db, &call->puts[i], err);
        if (rc < 0)
            return rc;
    }
    return call->fails_with;
}

// One to three in one transaction; all of them are accepted or none.
void nj_world_put(struct nj_world *world)
{
    char payloads[3][32], keys[3][16];
    struct call call = {.put_count = 1 + (size_t)below(world, 3)};
    if (world->next + (int)call.put_count >= NJ_WORLD_ITEMS)
        return;
    for (size_t i = 0; i < call.put_count; i++) {
        snprintf(payloads[i], sizeof payloads[i], "{\"n\":%d}", world->next + (int)i);
        snprintf(keys[i], sizeof keys[i], "key%d", (int)below(world, 8));
        call.puts[i] = (struct nj_work_put){
            .payload = payloads[i],
            .unique_key = below(world, 3) ? NULL : keys[i],
            .priority = (int)below(world, 2),
        };
    }
    if (below(world, 6) == 0)
        call.fails_with = NJ_E_IO;
    int rc = run(world, &call, apply_put);
    require(world, rc == 0 || rc == NJ_E_IO || rc == NJ_E_FULL || rc == NJ_E_EXISTS, "put answers");
    require(world, rc == 0 || !call.fails_with || rc != 0, "a failed operation is told");
    for (size_t i = 0; rc == 0 && i < call.put_count; i++) {
        world->items[world->next + (int)i].accepted = true;
        world->accepted++;
    }
    world->next += (int)call.put_count;
}

static struct nj_world_hold *pick_hold(struct nj_world *world, bool live)
{
    size_t start = world->hold_count ? (size_t)below(world, world->hold_count) : 0;
    for (size_t i = 0; i < world->hold_count; i++) {
        struct nj_world_hold *hold = &world->holds[(start + i) % world->hold_count];
        if ((hold->item != NULL) == live)
            return hold;
    }
    return NULL;
}

static void drop_hold(struct nj_world *world, struct nj_world_hold *hold)
{
    *hold = world->holds[--world->hold_count];
}

static int apply_complete(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    int rc = nj_work_queue_complete(call->world->queue, db, &call->item, err);
    return rc < 0 ? rc : call->fails_with;
}

static int complete(struct nj_world *world, const struct nj_world_hold *hold, int fails_with)
{
    struct call call = {.item = {.id = hold->id, .fence = hold->fence}, .fails_with = fails_with};
    int rc = run(world, &call, apply_complete);
    struct nj_world_item *model = &world->items[hold->n];
    if (rc == 0) {
        require(world, !model->done, "nothing is completed twice");
        require(world, hold->id == model->id && hold->fence == model->fence,
                "an old fence is refused");
        model->done = true;
    }
    return rc;
}

void nj_world_complete(struct nj_world *world)
{
    struct nj_world_hold *hold = pick_hold(world, true);
    if (!hold)
        return;
    int fails_with = below(world, 8) ? 0 : NJ_E_IO;
    int rc = complete(world, hold, fails_with);
    require(world, rc == fails_with, "a live consumer keeps its lease");
    if (rc < 0)
        return; // the consumer may try again
    struct nj_work_item *item = hold->item;
    drop_hold(world, hold);
    nj_work_queue_finish(world->queue, item);
}

void nj_world_late_result(struct nj_world *world)
{
    struct nj_world_hold *hold = pick_hold(world, false);
    if (!hold)
        return;
    int rc = complete(world, hold, 0);
    require(world, rc == 0 || rc == NJ_E_CONFLICT, "late results are taken or refused");
    if (rc == 0)
        for (size_t i = 0; i < world->hold_count; i++)
            require(world, world->holds[i].n != hold->n || !world->holds[i].item,
                    "a late result does not pass a live holder");
    drop_hold(world, hold);
}

void nj_world_fail(struct nj_world *world)
{
    struct nj_world_hold *hold = pick_hold(world, true);
    if (!hold)
        return;
    struct nj_error why;
    nj_error_set(&why, NJ_E_TIMEOUT, "simulated");
    struct nj_work_item *item = hold->item;
    struct nj_world_item *model = &world->items[hold->n];
    model->earliest_us = wall(world) + world->options.retry_base_us;
    model->jumps = world->jumps;
    drop_hold(world, hold);
    nj_work_queue_fail(world->queue, item, below(world, 10) == 0, &why);
}

void nj_world_release(struct nj_world *world)
{
    struct nj_world_hold *hold = pick_hold(world, true);
    if (!hold)
        return;
    struct nj_work_item *item = hold->item;
    drop_hold(world, hold);
    nj_work_queue_release(world->queue, item);
}

void nj_world_forget(struct nj_world *world)
{
    struct nj_world_hold *hold = pick_hold(world, true);
    if (!hold)
        return;
    struct nj_work_item *item = hold->item;
    hold->item = NULL;
    nj_work_queue_finish(world->queue, item);
}

// --- Time and faults -----------------------------------------------------------------------------

static void pass(struct nj_world *world, nj_us us)
{
    nj_fake_clock_advance(&world->clock, us);
    (void)nj_loop_turn(world->loop);
}

void nj_world_pass(struct nj_world *world)
{
    static const nj_us most[] = {NJ_US_PER_MS, NJ_US_PER_S, 8LL * NJ_US_PER_S, 70LL * NJ_US_PER_S};
    pass(world, (nj_us)below(world, (uint64_t)most[below(world, NJ_COUNT_OF(most))]));
}

// By up to two days, or back by up to a minute.
void nj_world_jump(struct nj_world *world)
{
    const uint64_t kind = below(world, 4);
    const nj_us most = kind > 0 ? 2LL * 86400 * NJ_US_PER_S : 60LL * NJ_US_PER_S;
    const nj_us by = (nj_us)below(world, (uint64_t)most);
    nj_fake_clock_jump_wall(&world->clock, kind > 1 ? by : -by);
    world->jumps++;
}

void nj_world_pause(struct nj_world *world)
{
    nj_work_queue_pause(world->queue);
    world->paused = true;
}

void nj_world_resume(struct nj_world *world)
{
    if (world->paused)
        start_queue(world);
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb");
    if (!in)
        return; // no log yet
    FILE *out = fopen(to, "wb");
    assert_non_null(out);
    char bytes[16384];
    for (size_t n = 0; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

// The files as they are now are what the next process finds.
static void snatch_files(struct nj_world *world)
{
    static const char *const suffixes[] = {"", "-wal"};
    for (size_t i = 0; i < NJ_COUNT_OF(suffixes); i++) {
        char from[NJ_WORLD_PATH], to[NJ_WORLD_PATH];
        file_path(world, world->generation, suffixes[i], from);
        file_path(world, world->generation + 1, suffixes[i], to);
        copy_file(from, to);
    }
}

static uint64_t dropped_now(struct nj_world *world)
{
    struct nj_work_queue_stats stats;
    nj_work_queue_get_stats(world->queue, &stats);
    return stats.dropped;
}

void nj_world_die(struct nj_world *world)
{
    for (size_t i = 0; i < world->hold_count; i++)
        world->holds[i].item = NULL;
    for (int n = 0; n < NJ_WORLD_ITEMS; n++)
        world->items[n].earliest_us = 0; // the failure may not have reached the store
    if (world->on_file)
        snatch_files(world);
    world->dropped += dropped_now(world);
    nj_work_queue_destroy(world->queue);
    nj_world_rest(world); // in memory its last operations still come through
    if (world->on_file) {
        nj_store_close(world->store);
        turn_out(world);
        world->generation++;
        open_store(world);
    }
    open_queue(world);
    start_queue(world);
    world->deaths++;
}

struct blocker {
    struct nj_store_op op;
    sem_t *gate;
    bool done; // only the loop thread's
};

static int apply_blocker(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)db;
    (void)err;
    sem_t *gate = NJ_CONTAINER_OF(op, struct blocker, op)->gate;
    (void)sem_wait(gate);
    (void)sem_post(gate);
    return 0;
}

static void handle_blocker(struct nj_store_op *op)
{
    NJ_CONTAINER_OF(op, struct blocker, op)->done = true;
}

// The store does not answer for a while, and its list is full: what the queue wants is refused.
void nj_world_stall(struct nj_world *world)
{
    nj_world_rest(world);
    sem_t gate;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    struct blocker blockers[MAX_QUEUED + GROUP_MAX + 1];
    size_t count = 0;
    for (; count < NJ_COUNT_OF(blockers); count++) {
        blockers[count] = (struct blocker){
            .op = {.apply = apply_blocker, .done = handle_blocker, .loop = world->loop},
            .gate = &gate};
        if (nj_store_write(world->store, &blockers[count].op) < 0)
            break;
    }
    nj_world_fail(world);
    nj_world_release(world);
    nj_world_pass(world);
    nj_world_fail(world);
    (void)sem_post(&gate);
    nj_world_rest(world);
    for (size_t i = 0; i < count; i++)
        require(world, blockers[i].done, "the store goes on after a stall");
    (void)sem_destroy(&gate);
}

// --- Letters -------------------------------------------------------------------------------------

static int apply_list(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    const struct nj_letter_filter filter = {.queue = queue_name, .limit = NJ_WORLD_ITEMS};
    int rc = nj_letters_list(db, &filter, &call->page, err);
    if (rc == 0)
        rc = nj_work_next_due(db, queue_name, &call->next_due_us, err);
    return rc < 0 ? rc : nj_work_counts(db, queue_name, &call->tally, err);
}

static int apply_requeue(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct call *call = NJ_CONTAINER_OF(op, struct call, op);
    int rc = nj_work_queue_requeue(call->world->queue, db, call->letter, err);
    return rc < 0 ? rc : call->fails_with;
}

static int number_in(const char *payload)
{
    int n = -1;
    return sscanf(payload, "{\"n\":%d}", &n) == 1 && n >= 0 && n < NJ_WORLD_ITEMS ? n : 0;
}

void nj_world_requeue(struct nj_world *world)
{
    struct call list = {0}, call = {.fails_with = below(world, 4) ? 0 : NJ_E_IO};
    require(world, run(world, &list, apply_list) == 0, "letters are listed");
    if (list.page.count) {
        const struct nj_letter_row *row = &list.page.rows[below(world, list.page.count)];
        struct nj_world_item *model = &world->items[number_in(row->payload)];
        nj_us earliest_us = model->earliest_us;
        model->earliest_us = 0;
        call.letter = row->id;
        int rc = run(world, &call, apply_requeue);
        require(world, rc <= 0 && rc != NJ_E_NOT_FOUND, "a letter can be put back");
        if (rc < 0)
            model->earliest_us = earliest_us;
    }
    nj_letter_page_finish(&list.page);
}

// --- What must be true ---------------------------------------------------------------------------

static void check_delays(const struct nj_world *world, const struct nj_letter_row *row)
{
    json_t *history = json_loads(row->history, 0, NULL);
    const json_t *failures = json_object_get(history, "failures");
    require(world, json_array_size(failures) <= (size_t)world->options.max_attempts,
            "no more failures than attempts");
    double low = (double)world->options.retry_base_us / NJ_US_PER_S;
    double cap = (double)world->options.retry_cap_us / NJ_US_PER_S;
    for (size_t i = 0; i < json_array_size(failures); i++) {
        const json_t *delay = json_object_get(json_array_get(failures, i), "retry_delay");
        double seconds = json_number_value(delay);
        require(world, !delay || (seconds >= low && seconds <= low * 1.2500001),
                "delays are within their bounds");
        low = low * 2 < cap ? low * 2 : cap;
    }
    json_decref(history);
}

// Marks the items that are letters in `dead`; returns how many there are.
static int64_t check_letters(const struct nj_world *world, const struct nj_letter_page *page,
                             bool dead[NJ_WORLD_ITEMS])
{
    for (size_t i = 0; i < page->count; i++) {
        int n = number_in(page->rows[i].payload);
        require(world, world->items[n].accepted, "only accepted items become letters");
        require(world, !world->items[n].done, "a completed item is no letter");
        require(world, !dead[n], "an item is one letter");
        dead[n] = true;
        check_delays(world, &page->rows[i]);
    }
    return (int64_t)page->count;
}

void nj_world_check(struct nj_world *world)
{
    bool dead[NJ_WORLD_ITEMS] = {false};
    struct call call = {0};
    require(world, run(world, &call, apply_list) == 0, "the store answers");
    int64_t letters = check_letters(world, &call.page, dead);
    nj_letter_page_finish(&call.page);
    int64_t live = call.tally.waiting + call.tally.claimed, accepted = 0, done = 0;
    for (int n = 0; n < NJ_WORLD_ITEMS; n++) {
        accepted += world->items[n].accepted;
        done += world->items[n].done;
    }
    int64_t dropped = (int64_t)(world->dropped + dropped_now(world));
    require(world, accepted == done + letters + dropped + live, "every item is in one place");
    require(world, live <= world->options.max_size, "the queue is bounded");
    struct nj_work_queue_stats stats;
    nj_work_queue_get_stats(world->queue, &stats);
    require(world,
            !nj_work_queue_rests(world->queue) || live == 0 ||
                (stats.in_flight == 0 && call.next_due_us > nj_wall_us(&world->clock.clock)),
            "a queue that rests leaves nothing that is held or due");
    require(world, stats.waiting + stats.in_flight == live, "memory counts what the store holds");
    require(world, stats.dead_failed + stats.dead_overflow == letters, "memory counts the letters");
}

void nj_world_drain(struct nj_world *world)
{
    nj_world_resume(world);
    struct call call = {0};
    for (int i = 0; i < 200; i++) {
        nj_world_rest(world);
        struct nj_world_hold *hold = NULL;
        while ((hold = pick_hold(world, true)) != NULL) {
            struct nj_work_item *item = hold->item;
            require(world, complete(world, hold, 0) == 0, "what is held can be completed");
            drop_hold(world, hold);
            nj_work_queue_finish(world->queue, item);
        }
        call = (struct call){0};
        require(world, run(world, &call, apply_list) == 0, "the store answers");
        nj_letter_page_finish(&call.page);
        if (call.tally.waiting + call.tally.claimed == 0)
            break;
        pass(world, 10LL * NJ_US_PER_S);
    }
    require(world, call.tally.waiting + call.tally.claimed == 0, "the queue runs empty");
    nj_world_rest(world);
    require(world, nj_work_queue_rests(world->queue), "an empty queue rests");
    nj_world_check(world);
}
