// SPDX-License-Identifier: Apache-2.0
// The forms of messages: members and values that clients read, and what strangers' bytes do to
// them.
#include "bus/messages.h"

#include "bus/bus.h"
#include "tests/fake/fake_clock.h"
#include "util/json_reader.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int messages_test(void);

static const nj_us now_us = 1769250600123456LL; // 2026-01-24T10:30:00.123456Z

struct fixture {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_bus *bus;
    struct nj_outbox outbox;
    struct nj_bus_subscriber events, system;
    int heard;
    char tag[NJ_BUS_TAG_SIZE];
    json_t *message; // the newest
};

static void hear(struct fixture *fixture, const struct nj_bus_message *message)
{
    json_decref(fixture->message);
    fixture->message = NULL;
    assert_int_equal(
        nj_json_parse(message->json, message->length, 1 << 20, &fixture->message, NULL), 0);
    strcpy(fixture->tag, message->tag);
    fixture->heard += 1;
}

static void hear_events(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    hear(NJ_CONTAINER_OF(subscriber, struct fixture, events), message);
}

static void hear_system(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    hear(NJ_CONTAINER_OF(subscriber, struct fixture, system), message);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    nj_fake_clock_init(&fixture->clock, now_us);
    assert_int_equal(nj_loop_create(&fixture->clock.clock, &fixture->loop, NULL), 0);
    assert_int_equal(nj_bus_create(fixture->loop, NULL, 100, &fixture->bus, NULL), 0);
    nj_outbox_init(&fixture->outbox);
    fixture->events.fn = hear_events;
    fixture->system.fn = hear_system;
    nj_bus_subscribe(fixture->bus, &fixture->events, "events");
    nj_bus_subscribe(fixture->bus, &fixture->system, "system");
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    nj_outbox_reset(&fixture->outbox);
    nj_bus_destroy(fixture->bus);
    nj_loop_destroy(fixture->loop);
    json_decref(fixture->message);
    free(fixture);
    return 0;
}

// The data of the only message of the outbox, once it was told.
static json_t *tell(struct fixture *fixture, const char *type)
{
    nj_outbox_publish(&fixture->outbox, fixture->bus);
    while (nj_loop_turn(fixture->loop) > 0)
        continue;
    assert_int_equal(fixture->heard, 1);
    assert_string_equal(fixture->tag, type);
    assert_string_equal(json_string_value(json_object_get(fixture->message, "type")), type);
    assert_string_equal(json_string_value(json_object_get(fixture->message, "timestamp")),
                        "2026-01-24T10:30:00.123456Z");
    return json_object_get(fixture->message, "data");
}

static void require(json_t *object, const char *key, const char *text)
{
    assert_string_equal(json_string_value(json_object_get(object, key)), text);
}

static int64_t number(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static const struct nj_detection_row seen = {
    .id = 7,
    .camera_id = "front_door",
    .batch_id = "b1",
    .file_path = "/home/secret/a.jpg",
    .media_type = "image",
    .object_type = "person",
    .confidence = 0.91236,
    .x = 160,
    .y = 120,
    .width = 64,
    .height = 240,
    .picture_width = 640,
    .picture_height = 480,
    .detected_us = 1769250599000000LL,
    .ended_us = 1769250599000000LL,
    .model = "yolox",
};

static void detection_new_tells_ratios_and_never_a_path(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(nj_message_detection_new(&f->outbox, &seen, now_us), 0);
    json_t *data = tell(f, "detection.new");
    assert_int_equal(number(data, "detection_id"), 7);
    require(data, "batch_id", "b1");
    require(data, "camera_id", "front_door");
    require(data, "label", "person");
    require(data, "timestamp", "2026-01-24T10:29:59.000000Z");
    assert_true(json_number_value(json_object_get(data, "confidence")) == 0.9124);
    json_t *box = json_object_get(data, "bbox");
    assert_true(json_number_value(json_object_get(box, "x")) == 0.25);
    assert_true(json_number_value(json_object_get(box, "y")) == 0.25);
    assert_true(json_number_value(json_object_get(box, "width")) == 0.1);
    assert_true(json_number_value(json_object_get(box, "height")) == 0.5);
    json_t *object = json_object_get(data, "detection");
    assert_int_equal(number(json_object_get(object, "bbox"), "x"), 160);
    assert_true(json_is_null(json_object_get(object, "track_id")));
    require(object, "image_url", "/api/detections/7/image");
    char *text = json_dumps(f->message, 0);
    assert_null(strstr(text, "secret"));
    free(text);
}

static void a_detection_without_a_picture_size_has_no_ratios(void **state)
{
    struct fixture *f = *state;
    struct nj_detection_row row = seen;
    row.picture_width = row.picture_height = 0;
    row.batch_id[0] = '\0';
    row.track_id = 9;
    assert_int_equal(nj_message_detection_new(&f->outbox, &row, now_us), 0);
    json_t *data = tell(f, "detection.new");
    assert_true(json_number_value(json_object_get(json_object_get(data, "bbox"), "x")) == 0);
    json_t *object = json_object_get(data, "detection");
    assert_true(json_is_null(json_object_get(object, "batch_id")));
    assert_int_equal(number(object, "track_id"), 9);
}

static void detection_batch_tells_members_and_how_long_it_was_open(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {3, 5};
    const struct nj_batch_row batch = {.id = "b1",
                                       .camera_id = "front_door",
                                       .close_reason = "idle",
                                       .started_us = now_us - 500,
                                       .created_us = now_us - 30500000,
                                       .closed_us = now_us,
                                       .detection_count = 2};
    assert_int_equal(nj_message_detection_batch(&f->outbox, &batch, ids, now_us), 0);
    json_t *data = tell(f, "detection.batch");
    require(data, "batch_id", "b1");
    require(data, "close_reason", "idle");
    require(data, "closed_at", "2026-01-24T10:30:00.123456Z");
    assert_int_equal(number(data, "detection_count"), 2);
    assert_int_equal(number(data, "duration_ms"), 30500);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(data, "detection_ids"), 1)),
                     5);
}

static void an_event_carries_what_existing_clients_read(void **state)
{
    struct fixture *f = *state;
    struct nj_event_row event = {.id = 4,
                                 .batch_id = "b1",
                                 .camera_id = "front_door",
                                 .started_us = now_us - 1000000,
                                 .ended_us = now_us,
                                 .created_us = now_us,
                                 .risk_score = 42,
                                 .risk_level = "medium",
                                 .summary = "A \"visitor\"\n",
                                 .reasoning = "bad \xff byte",
                                 .breakdown = "[{\"what\":\"x\",\"points\":2}]",
                                 .analyser = "rules",
                                 .version = 3};
    assert_int_equal(nj_message_event(&f->outbox, "event.updated", &event, now_us), 0);
    json_t *data = tell(f, "event.updated");
    assert_int_equal(number(data, "id"), 4);
    assert_int_equal(number(data, "event_id"), 4);
    assert_int_equal(number(data, "risk_score"), 42);
    assert_int_equal(number(data, "version"), 3);
    require(data, "risk_level", "medium");
    require(data, "summary", "A \"visitor\"\n");
    require(data, "reasoning", "bad \xef\xbf\xbd byte");
    require(data, "started_at", "2026-01-24T10:29:59.123456Z");
    assert_int_equal(json_array_size(json_object_get(data, "breakdown")), 1);
    assert_true(json_is_false(json_object_get(data, "reviewed")));
}

static void an_event_without_a_breakdown_has_an_empty_one(void **state)
{
    struct fixture *f = *state;
    const struct nj_event_row event = {.id = 4};
    assert_int_equal(nj_message_event(&f->outbox, "event", &event, now_us), 0);
    json_t *data = tell(f, "event");
    assert_true(json_is_array(json_object_get(data, "breakdown")));
}

static void a_cameras_status_tells_what_it_was_before(void **state)
{
    struct fixture *f = *state;
    const struct nj_camera_row camera = {
        .id = "front_door", .name = "Front Door", .status = "offline"};
    assert_int_equal(nj_message_camera_status(&f->outbox, &camera, "online", now_us), 0);
    json_t *data = tell(f, "camera_status");
    require(data, "camera_name", "Front Door");
    require(data, "status", "offline");
    require(data, "previous_status", "online");
    assert_true(json_is_null(json_object_get(data, "reason")));
}

static void a_services_status_goes_to_the_system_channel(void **state)
{
    struct fixture *f = *state;
    nj_bus_unsubscribe(&f->events);
    assert_int_equal(nj_message_service_status(&f->outbox, "detector", "healthy", NULL, now_us), 0);
    json_t *data = tell(f, "service_status");
    require(data, "service", "detector");
    require(data, "status", "healthy");
}

static void a_reset_outbox_tells_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(nj_message_detection_new(&f->outbox, &seen, now_us), 0);
    nj_outbox_reset(&f->outbox);
    nj_outbox_publish(&f->outbox, f->bus);
    nj_loop_turn(f->loop);
    assert_int_equal(f->heard, 0);
    assert_int_equal(nj_message_detection_new(&f->outbox, &seen, now_us), 0);
    tell(f, "detection.new");
    nj_outbox_publish(&f->outbox, f->bus); // empty by now
    nj_loop_turn(f->loop);
    assert_int_equal(f->heard, 1);
}

static void a_failed_text_does_not_enter_the_outbox(void **state)
{
    struct fixture *f = *state;
    struct nj_buf text;
    nj_buf_init(&text, 4);
    nj_buf_append_text(&text, "too long");
    assert_int_equal(nj_outbox_add(&f->outbox, "events", "event", &text), NJ_E_TOO_BIG);
    assert_null(f->outbox.first);
    nj_buf_finish(&text);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int messages_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(detection_new_tells_ratios_and_never_a_path),
        CASE(a_detection_without_a_picture_size_has_no_ratios),
        CASE(detection_batch_tells_members_and_how_long_it_was_open),
        CASE(an_event_carries_what_existing_clients_read),
        CASE(an_event_without_a_breakdown_has_an_empty_one),
        CASE(a_cameras_status_tells_what_it_was_before),
        CASE(a_services_status_goes_to_the_system_channel),
        CASE(a_reset_outbox_tells_nothing),
        CASE(a_failed_text_does_not_enter_the_outbox),
    };
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
