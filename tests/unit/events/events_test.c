// SPDX-License-Identifier: Apache-2.0
// A person's change to an event: what is written, what is told, and when it is refused.
#include "events/events.h"

#include "bus/bus.h"
#include "tests/fake/fake_clock.h"
#include "util/mem.h"
#include "util/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int events_test(void);

struct fixture {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_bus *bus;
    struct nj_bus_subscriber subscriber;
    int heard, ended;
    bool ended_before_heard;
    char json[4096];
    struct nj_event_change change;
};

static void hear(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    struct fixture *f = NJ_CONTAINER_OF(subscriber, struct fixture, subscriber);
    assert_string_equal(message->tag, "event.updated");
    nj_text_copy(f->json, sizeof f->json, message->json);
    f->heard += 1;
    f->ended_before_heard = f->ended > 0;
}

static int apply_event(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    const struct nj_camera_identity camera = {"a", "A", "folder"};
    const struct nj_batch_row batch = {
        .id = "b1", .camera_id = "a", .state = "closed", .started_us = 1};
    struct nj_event_row event = {.batch_id = "b1",
                                 .camera_id = "a",
                                 .started_us = 1,
                                 .ended_us = 1,
                                 .risk_level = "low",
                                 .breakdown = "[]",
                                 .analyser = "rules"};
    (void)op;
    int rc = nj_cameras_ensure(db, &camera, NULL, err);
    if (rc == 0)
        rc = nj_batches_insert(db, &batch, err);
    return rc != 0 ? rc : nj_events_insert(db, &event, err);
}

static int setup(void **state)
{
    const struct nj_store_options options = {
        .path = ":memory:", .readers = 1, .max_queued = 100, .group_max = 10};
    struct fixture *f = calloc(1, sizeof *f);
    struct nj_store_op op = {.apply = apply_event};
    nj_fake_clock_init(&f->clock, 1769250600LL * NJ_US_PER_S);
    assert_int_equal(nj_loop_create(&f->clock.clock, &f->loop, NULL), 0);
    assert_int_equal(nj_store_open(&options, &f->clock.clock, &f->store, NULL), 0);
    assert_int_equal(nj_bus_create(f->loop, NULL, 100, &f->bus, NULL), 0);
    f->subscriber.fn = hear;
    nj_bus_subscribe(f->bus, &f->subscriber, "events");
    assert_int_equal(nj_store_write_wait(f->store, &op, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    nj_store_close(f->store);
    nj_bus_destroy(f->bus);
    nj_loop_destroy(f->loop);
    free(f);
    return 0;
}

static void handle_done(struct nj_store_op *op)
{
    struct nj_event_change *change = NJ_CONTAINER_OF(op, struct nj_event_change, op);
    struct fixture *f = NJ_CONTAINER_OF(change, struct fixture, change);
    f->ended += 1;
    nj_outbox_publish(&change->outbox, f->bus);
}

static int apply_nothing(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    (void)db;
    (void)err;
    return 0;
}

static int change(struct fixture *f)
{
    struct nj_store_op barrier = {.apply = apply_nothing};
    f->ended = f->heard = 0;
    f->change.op = (struct nj_store_op){.done = handle_done, .loop = f->loop};
    assert_int_equal(nj_event_change_submit(f->store, &f->change), 0);
    assert_int_equal(nj_store_write_wait(f->store, &barrier, NULL), 0);
    while (nj_loop_turn(f->loop) > 0)
        continue;
    assert_int_equal(f->ended, 1);
    return f->change.op.rc;
}

static void review_and_notes_are_kept_and_told(void **state)
{
    struct fixture *f = *state;
    f->change = (struct nj_event_change){
        .id = 1, .has_reviewed = true, .reviewed = true, .has_notes = true, .notes = "the postman"};
    assert_int_equal(change(f), 0);
    assert_true(f->change.result.reviewed);
    assert_string_equal(f->change.result.notes, "the postman");
    assert_int_equal(f->change.result.version, 2);
    assert_int_equal(f->heard, 1);
    assert_true(f->ended_before_heard);
    assert_non_null(strstr(f->json, "\"notes\":\"the postman\""));
    assert_non_null(strstr(f->json, "\"reviewed\":true"));
}

static void what_is_not_given_stays(void **state)
{
    struct fixture *f = *state;
    f->change = (struct nj_event_change){.id = 1, .has_notes = true, .notes = "n"};
    assert_int_equal(change(f), 0);
    f->change = (struct nj_event_change){.id = 1, .has_reviewed = true, .reviewed = true};
    assert_int_equal(change(f), 0);
    assert_string_equal(f->change.result.notes, "n");
    f->change = (struct nj_event_change){.id = 1, .has_notes = true, .notes = ""};
    assert_int_equal(change(f), 0);
    assert_string_equal(f->change.result.notes, "");
    assert_true(f->change.result.reviewed);
}

static void an_outdated_or_unknown_event_is_refused_and_nothing_told(void **state)
{
    struct fixture *f = *state;
    f->change = (struct nj_event_change){.id = 1, .has_notes = true, .notes = "n", .if_version = 7};
    assert_int_equal(change(f), NJ_E_CONFLICT);
    assert_int_equal(f->heard, 0);
    f->change = (struct nj_event_change){.id = 2, .has_notes = true, .notes = "n"};
    assert_int_equal(change(f), NJ_E_NOT_FOUND);
    assert_int_equal(f->heard, 0);
    f->change = (struct nj_event_change){.id = 1, .has_notes = true, .notes = "n", .if_version = 1};
    assert_int_equal(change(f), 0);
    assert_int_equal(f->heard, 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int events_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(review_and_notes_are_kept_and_told),
        CASE(what_is_not_given_stays),
        CASE(an_outdated_or_unknown_event_is_refused_and_nothing_told),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
