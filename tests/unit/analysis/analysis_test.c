// SPDX-License-Identifier: Apache-2.0
// The analysis service: closed batches in analysis_queue become one event each, whoever scores.
#include "analysis/analysis.h"

#include "tests/fake/await.h"
#include "tests/fake/fake_clock.h"
#include "tests/unit/analysis/analysis_helper.h"
#include "util/json_reader.h"
#include "util/mem.h"
#include "util/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int analysis_test(void);

#define GOOD "{\"risk_score\": 77, \"summary\": \"A visitor\", \"reasoning\": \"Rang the bell.\"}"

struct house {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_bus *bus;
    struct nj_work_queue *queue;
    struct nj_breaker *breaker;
    struct nj_latency *latency;
    struct nj_analysis *analysis;
    struct nj_bus_subscriber subscriber;
    struct llm_server server;
    int64_t entries;  // in work_items
    int heard;        // messages of type "event"
    char order[512];  // batch ids of those messages
    char source[512]; // and their analysers
};

static void hear(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    struct house *house = NJ_CONTAINER_OF(subscriber, struct house, subscriber);
    json_t *json = NULL;
    assert_string_equal(message->tag, "event");
    assert_int_equal(nj_json_parse(message->json, message->length, 1 << 20, &json, NULL), 0);
    json_t *data = json_object_get(json, "data");
    house->heard += 1;
    size_t used = strlen(house->order);
    snprintf(house->order + used, sizeof house->order - used, "%s%s", used > 0 ? " " : "",
             json_string_value(json_object_get(data, "batch_id")));
    used = strlen(house->source);
    snprintf(house->source + used, sizeof house->source - used, "%s%s", used > 0 ? " " : "",
             json_string_value(json_object_get(data, "analyser")));
    json_decref(json);
}

static void open_house(struct house *house, const struct nj_analysis_options *options)
{
    const struct nj_store_options store = {
        .path = ":memory:", .readers = 1, .max_queued = 1000, .group_max = 100};
    const struct nj_breaker_options breaker = {"llm", 5, 30LL * NJ_US_PER_S, 3, 2};
    nj_fake_clock_init(&house->clock, 1769250600LL * NJ_US_PER_S);
    const struct nj_clock *clock = &house->clock.clock;
    assert_int_equal(nj_loop_create(clock, &house->loop, NULL), 0);
    assert_int_equal(nj_store_open(&store, clock, &house->store, NULL), 0);
    assert_int_equal(nj_bus_create(house->loop, NULL, 1000, &house->bus, NULL), 0);
    assert_int_equal(nj_breaker_create(&breaker, clock, &house->breaker), 0);
    house->latency = nj_latency_create();
    assert_non_null(house->latency);
    house->subscriber.fn = hear;
    nj_bus_subscribe(house->bus, &house->subscriber, "events");
    const struct nj_work_queue_config queue = {
        .name = "analysis_queue",
        .metric_label = "analysis",
        .store = house->store,
        .loop = house->loop,
        .options = {.max_size = 100,
                    .overflow = NJ_OVERFLOW_REJECT,
                    .pressure_threshold = 0.8,
                    .max_attempts = 3,
                    .max_lost = 10,
                    .retry_base_us = NJ_US_PER_S,
                    .retry_cap_us = NJ_US_PER_S,
                    .lease_us = 3600LL * NJ_US_PER_S},
        .seed = 1,
    };
    assert_int_equal(nj_work_queue_create(&queue, &house->queue, NULL), 0);
    const struct nj_analysis_config config = {
        .options = *options,
        .severity = {29, 59, 84},
        .loop = house->loop,
        .store = house->store,
        .queue = house->queue,
        .bus = house->bus,
        .latency = house->latency,
        .breaker = house->breaker,
    };
    assert_int_equal(nj_analysis_create(&config, &house->analysis, NULL), 0);
}

static int setup_rules(void **state)
{
    struct house *house = calloc(1, sizeof *house);
    struct nj_analysis_options options = llm_options("");
    options.analyser = 0;
    open_house(house, &options);
    *state = house;
    return 0;
}

// The answers in turn; one try each, as a pause would wait for the standing clock.
static struct house *house_with_model(const struct llm_answer *answers, size_t count)
{
    struct house *house = calloc(1, sizeof *house);
    llm_start(&house->server, answers, count);
    struct nj_analysis_options options = llm_options(house->server.url);
    options.llm_tries = 1;
    open_house(house, &options);
    return house;
}

struct look {
    struct nj_store_op op;
    struct nj_work_tally tally;
    struct nj_event_row *events;
    size_t event_count;
    struct nj_batch_row batch;
    const char *batch_id;
    int64_t failed, overflow;
};

static int apply_counts(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct look *look = NJ_CONTAINER_OF(op, struct look, op);
    const struct nj_event_filter all = {.reviewed = -1, .limit = 100};
    int rc = nj_work_counts(db, "analysis_queue", &look->tally, err);
    free(look->events);
    look->events = NULL;
    if (rc == 0)
        rc = nj_events_list(db, &all, &look->events, &look->event_count, err);
    if (rc == 0)
        rc = nj_letters_counts(db, "analysis_queue", &look->failed, &look->overflow, err);
    if (rc == 0 && look->batch_id != NULL)
        rc = nj_batches_get(db, look->batch_id, &look->batch, err);
    return rc;
}

static void look_at(struct house *house, struct look *look)
{
    look->op.apply = apply_counts;
    assert_int_equal(nj_store_write_wait(house->store, &look->op, NULL), 0);
}

static void turn(struct house *house)
{
    while (nj_loop_turn(house->loop) > 0)
        continue;
}

struct settling {
    struct house *house;
    struct look look;
    int quiet;
};

static bool is_settled(void *arg)
{
    struct settling *settling = arg;
    struct house *house = settling->house;
    look_at(house, &settling->look); // also a barrier: what was written before has posted its end
    const bool busy = nj_loop_turn(house->loop) > 0 || !nj_analysis_idle(house->analysis) ||
                      nj_work_queue_in_flight(house->queue) > 0;
    settling->quiet = busy ? 0 : settling->quiet + 1;
    return settling->quiet == 3;
}

// Until every entry that is due now was dealt with. The threads of the model are real.
static void settle(struct house *house)
{
    struct settling settling = {.house = house};
    nj_loop_await(house->loop, is_settled, &settling, NJ_PATIENCE_US, "the end of the analysis");
    house->entries = settling.look.tally.waiting + settling.look.tally.claimed;
    free(settling.look.events);
}

static void close_house(struct house *house)
{
    nj_analysis_stop(house->analysis);
    settle(house);
    nj_analysis_destroy(house->analysis);
    nj_work_queue_destroy(house->queue);
    nj_store_close(house->store);
    nj_bus_unsubscribe(&house->subscriber);
    nj_bus_destroy(house->bus);
    turn(house);
    nj_loop_destroy(house->loop);
    nj_breaker_destroy(house->breaker);
    nj_latency_destroy(house->latency);
    llm_stop(&house->server);
    free(house);
}

static int teardown(void **state)
{
    close_house(*state);
    return 0;
}

struct batch_put {
    struct nj_store_op op;
    struct nj_work_queue *queue;
    const char *id, *state, *payload;
    bool without_entry, without_batch;
};

static int insert_batch(const struct batch_put *put, struct nj_db *db, struct nj_error *err)
{
    const struct nj_camera_identity camera = {"front_door", "Front Door", "folder"};
    nj_us now = nj_db_now_us(db);
    struct nj_batch_row batch = {.started_us = now,
                                 .last_activity_us = now,
                                 .arrived_us = now,
                                 .created_us = now,
                                 .pipeline_start_us = now};
    struct nj_detection_row row = {.media_type = "image",
                                   .object_type = "person",
                                   .camera_id = "front_door",
                                   .confidence = 0.8,
                                   .file_path = "/a.jpg",
                                   .detected_us = now,
                                   .ended_us = now + 10LL * NJ_US_PER_S};
    nj_text_copy(batch.id, sizeof batch.id, put->id);
    nj_text_copy(batch.camera_id, sizeof batch.camera_id, "front_door");
    nj_text_copy(batch.state, sizeof batch.state, "open");
    int rc = nj_cameras_ensure(db, &camera, NULL, err);
    if (rc == 0)
        rc = nj_batches_insert(db, &batch, err);
    if (rc == 0)
        rc = nj_detections_insert(db, &row, err);
    const struct nj_batch_growth growth = {
        .detection_ids = &row.id, .count = 1, .activity_us = now, .oldest_us = now};
    if (rc == 0)
        rc = nj_batches_append(db, put->id, &growth, err);
    if (rc == 0 && strcmp(put->state, "open") != 0)
        rc = nj_batches_close(db, put->id, strncmp(put->id, "fast", 4) == 0 ? "fast_path" : "idle",
                              err);
    return rc;
}

static int apply_put(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct batch_put *put = NJ_CONTAINER_OF(op, struct batch_put, op);
    char payload[256];
    int rc = put->without_batch ? 0 : insert_batch(put, db, err);
    snprintf(payload, sizeof payload, "{\"batch_id\":\"%s\",\"camera_id\":\"front_door\"}",
             put->id != NULL ? put->id : "");
    const struct nj_work_put entry = {
        .payload = put->payload != NULL ? put->payload : payload,
        .priority = put->id != NULL && strncmp(put->id, "fast", 4) == 0 ? 10 : 0};
    return rc != 0 || put->without_entry ? rc : nj_work_queue_put(put->queue, db, &entry, err);
}

static void put(struct house *house, struct batch_put what)
{
    what.queue = house->queue;
    what.op.apply = apply_put;
    what.state = what.state != NULL ? what.state : "closed";
    assert_int_equal(nj_store_write_wait(house->store, &what.op, NULL), 0);
}

static void start(struct house *house)
{
    assert_int_equal(nj_analysis_start(house->analysis, NULL), 0);
    settle(house);
}

static void a_closed_batch_becomes_an_event(void **state)
{
    struct house *house = *state;
    put(house, (struct batch_put){.id = "b1"});
    start(house);
    struct look look = {.batch_id = "b1"};
    look_at(house, &look);
    assert_int_equal(look.event_count, 1);
    const struct nj_event_row *event = &look.events[0];
    assert_string_equal(event->batch_id, "b1");
    assert_string_equal(event->camera_id, "front_door");
    // person 30, 10 s / 5 = 2, first in the hour 5; 10:30 UTC is day
    assert_int_equal(event->risk_score, 37);
    assert_string_equal(event->risk_level, "medium");
    assert_string_equal(event->summary, "Person at Front Door for 10 s");
    assert_string_equal(event->analyser, "rules");
    assert_string_equal(event->object_types, "person");
    assert_int_equal(event->detection_count, 1);
    assert_int_equal(event->best_detection_id, 1);
    assert_false(event->is_fast_path);
    assert_true(event->ended_us - event->started_us == 10LL * NJ_US_PER_S);
    assert_string_equal(look.batch.state, "analysed");
    assert_int_equal(house->entries, 0);
    assert_string_equal(house->order, "b1"); // told once, after the commit
    free(look.events);
}

static void a_repeated_entry_makes_no_second_event(void **state)
{
    struct house *house = *state;
    put(house, (struct batch_put){.id = "b1"});
    put(house, (struct batch_put){.id = "b1", .without_batch = true}); // while it is under way
    start(house);
    put(house, (struct batch_put){.id = "b1", .without_batch = true}); // and after
    settle(house);
    struct look look = {0};
    look_at(house, &look);
    assert_int_equal(look.event_count, 1);
    assert_int_equal(house->entries, 0);
    assert_int_equal(look.failed, 0);
    assert_int_equal(house->heard, 1);
    free(look.events);
}

static void a_batch_that_is_gone_ends_its_entry(void **state)
{
    struct house *house = *state;
    put(house, (struct batch_put){.id = "gone", .without_batch = true});
    start(house);
    struct look look = {0};
    look_at(house, &look);
    assert_int_equal(house->entries, 0);
    assert_int_equal(look.event_count + (size_t)look.failed, 0);
    free(look.events);
}

static void a_payload_without_a_batch_is_a_dead_letter_at_once(void **state)
{
    struct house *house = *state;
    char long_id[256] = "{\"batch_id\":\"";
    memset(long_id + strlen(long_id), 'x', 200);
    strcat(long_id, "\"}");
    put(house, (struct batch_put){.payload = "{\"batch_id\":7}", .without_batch = true});
    put(house, (struct batch_put){.payload = long_id, .without_batch = true});
    start(house);
    struct look look = {0};
    look_at(house, &look);
    assert_int_equal(house->entries, 0);
    assert_int_equal(look.failed, 2);
    free(look.events);
}

static void a_batch_that_is_still_open_is_tried_again(void **state)
{
    struct house *house = *state;
    put(house, (struct batch_put){.id = "b1", .state = "open"});
    start(house);
    struct look look = {0};
    look_at(house, &look);
    assert_int_equal(look.event_count, 0);
    assert_int_equal(house->entries, 1);
    free(look.events);
}

static void levels_follow_a_reload(void **state)
{
    struct house *house = *state;
    nj_analysis_set_severity(house->analysis, &(struct nj_severity_options){5, 10, 20});
    put(house, (struct batch_put){.id = "b1"});
    start(house);
    struct look look = {0};
    look_at(house, &look);
    assert_int_equal(look.event_count, 1);
    assert_string_equal(look.events[0].risk_level, "critical");
    free(look.events);
}

static void a_models_finding_is_stored_under_its_name(void **state)
{
    static const struct llm_answer answers[] = {{200, GOOD, NULL}};
    struct house *house = house_with_model(answers, 1);
    (void)state;
    put(house, (struct batch_put){.id = "b1"});
    start(house);
    struct look look = {0};
    look_at(house, &look);
    assert_int_equal(look.event_count, 1);
    assert_int_equal(look.events[0].risk_score, 77);
    assert_string_equal(look.events[0].risk_level, "high");
    assert_string_equal(look.events[0].analyser, "llm");
    assert_string_equal(look.events[0].reasoning, "Rang the bell.");
    free(look.events);
    close_house(house);
}

static void a_model_that_is_away_is_replaced_by_rules_that_say_so(void **state)
{
    static const struct llm_answer answers[] = {{503, NULL, ""}, {200, "no idea", NULL}};
    struct house *house = house_with_model(answers, 2);
    (void)state;
    put(house, (struct batch_put){.id = "b1"});
    start(house);
    struct look look = {0};
    look_at(house, &look);
    assert_int_equal(look.event_count, 1);
    assert_int_equal(look.events[0].risk_score, 37); // the rules'
    assert_string_equal(look.events[0].analyser, "rules_fallback");
    assert_non_null(strstr(look.events[0].reasoning, "The language model gave no answer"));
    assert_non_null(strstr(look.events[0].reasoning, "503"));
    assert_non_null(strstr(look.events[0].reasoning, "person seen (+30)"));
    put(house, (struct batch_put){.id = "b2"});
    settle(house);
    assert_string_equal(house->source, "rules_fallback rules_fallback");
    free(look.events);
    close_house(house);
}

static void breaker_opens_after_five_and_recovers(void **state)
{
    static const struct llm_answer answers[] = {{500, NULL, ""}, {500, NULL, ""},
                                                {500, NULL, ""}, {500, NULL, ""},
                                                {500, NULL, ""}, {200, GOOD, NULL}};
    static const char *const ids[] = {"b0", "b1", "b2", "b3", "b4", "b5", "b6"};
    struct house *house = house_with_model(answers, NJ_COUNT_OF(answers));
    struct nj_breaker_status status;
    (void)state;
    start(house);
    for (size_t i = 0; i < 7; i++) { // one after the other
        put(house, (struct batch_put){.id = ids[i]});
        settle(house);
    }
    assert_int_equal(house->heard, 7); // events come all the same
    assert_int_equal(atomic_load(&house->server.asked), 5);
    nj_breaker_get(house->breaker, &status);
    assert_int_equal(status.state, NJ_BREAKER_OPEN);
    nj_fake_clock_advance(&house->clock, 30LL * NJ_US_PER_S);
    put(house, (struct batch_put){.id = "c1"});
    settle(house);
    put(house, (struct batch_put){.id = "c2"});
    settle(house);
    nj_breaker_get(house->breaker, &status);
    assert_int_equal(status.state, NJ_BREAKER_CLOSED);
    assert_int_equal(atomic_load(&house->server.asked), 7);
    assert_string_equal(strrchr(house->source, 'k') + 2, "llm llm"); // after the fallbacks
    close_house(house);
}

static void the_fast_path_overtakes_what_waits(void **state)
{
    static const struct llm_answer answers[] = {{200, GOOD, NULL}};
    struct house *house = house_with_model(answers, 1);
    (void)state;
    put(house, (struct batch_put){.id = "b1"});
    put(house, (struct batch_put){.id = "b2"});
    put(house, (struct batch_put){.id = "fast_path_3"});
    start(house);
    assert_string_equal(house->order, "fast_path_3 b1 b2");
    struct look look = {0};
    look_at(house, &look);
    for (size_t i = 0; i < look.event_count; i++)
        assert_int_equal(look.events[i].is_fast_path, look.events[i].batch_id[0] == 'f');
    free(look.events);
    close_house(house);
}

static bool is_asked(void *arg)
{
    struct house *house = arg;
    return atomic_load(&house->server.asked) > 0;
}

static void stopping_gives_back_what_the_model_is_still_writing(void **state)
{
    static const struct llm_answer answers[] = {{-1, NULL, NULL}};
    struct house *house = house_with_model(answers, 1);
    (void)state;
    put(house, (struct batch_put){.id = "b1"});
    assert_int_equal(nj_analysis_start(house->analysis, NULL), 0);
    nj_loop_await(house->loop, is_asked, house, NJ_PATIENCE_US, "a question");
    assert_false(nj_analysis_idle(house->analysis));
    nj_analysis_stop(house->analysis);
    settle(house);
    struct look look = {.batch_id = "b1"};
    look_at(house, &look);
    assert_int_equal(look.event_count, 0);
    assert_int_equal(look.tally.waiting, 1);
    assert_int_equal(look.failed, 0);
    assert_string_equal(look.batch.state, "closed");
    free(look.events);
    close_house(house);
}

static void a_zone_that_does_not_exist_is_an_error_at_the_start(void **state)
{
    struct house *house = *state;
    struct nj_analysis_config config = {.options = llm_options(""), .loop = house->loop};
    struct nj_analysis *analysis = NULL;
    struct nj_error error = {0};
    config.options.analyser = 0;
    config.options.timezone = "Nowhere/Land";
    assert_int_equal(nj_analysis_create(&config, &analysis, &error), NJ_E_NOT_FOUND);
    assert_null(analysis);
    config.options.timezone = "UTC";
    config.options.analyser = 1; // without an address
    assert_int_equal(nj_analysis_create(&config, &analysis, &error), NJ_E_INVALID);
    assert_null(analysis);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup_rules, teardown)

int analysis_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_closed_batch_becomes_an_event),
        CASE(a_repeated_entry_makes_no_second_event),
        CASE(a_batch_that_is_gone_ends_its_entry),
        CASE(a_payload_without_a_batch_is_a_dead_letter_at_once),
        CASE(a_batch_that_is_still_open_is_tried_again),
        CASE(levels_follow_a_reload),
        cmocka_unit_test(a_models_finding_is_stored_under_its_name),
        cmocka_unit_test(a_model_that_is_away_is_replaced_by_rules_that_say_so),
        cmocka_unit_test(breaker_opens_after_five_and_recovers),
        cmocka_unit_test(the_fast_path_overtakes_what_waits),
        cmocka_unit_test(stopping_gives_back_what_the_model_is_still_writing),
        CASE(a_zone_that_does_not_exist_is_an_error_at_the_start),
    };
    return cmocka_run_group_tests_name("analysis", tests, NULL, NULL);
}
