// SPDX-License-Identifier: Apache-2.0
// The worked trace and its negative cases on the embedded store.
#include "pipeline/executor_priv.h"

#include "frames/picture.h"
#include "tests/unit/pipeline/trace_helper.h"
#include "tests/fake/await.h"
#include "tests/fake/world/world.h"
#include "util/json_reader.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

int trace_test(void);

struct got_image {
    struct nj_saved_image image;
    bool done;
};

static void note_image(struct nj_saved_image *image)
{
    NJ_CONTAINER_OF(image, struct got_image, image)->done = true;
}

static void expect_picture(struct world *world, const char *key, int32_t width, int32_t height)
{
    struct got_image got = {.image = {.done = note_image}};
    snprintf(got.image.key, sizeof got.image.key, "%s", key);
    nj_saved_image_get(world->actions, &got.image);
    nj_loop_await(world->loop, nj_is_set, &got.done, NJ_PATIENCE_US, "a saved image");
    assert_int_equal(got.image.rc, 0);
    assert_string_equal(got.image.type, "image/jpeg");
    const struct nj_picture_limits limits = {1 << 20, 10};
    struct nj_picture_info info;
    assert_int_equal(nj_picture_probe(got.image.bytes, got.image.length, &limits, &info, NULL), 0);
    assert_int_equal(info.width, width);
    assert_int_equal(info.height, height);
    free(got.image.bytes);
}

static void trace_saves_publishes_and_records_one_car(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, TRACE, WORLD_SCRIPT);
    world_run(world);
    assert_int_equal(world->result.rc, 0);
    assert_true(world->result.found);
    assert_int_equal(world->result.detection_count, 2);
    assert_string_equal(world->result.detections[world->result.best].label, "Car");
    assert_int_equal(strlen(world->result.session_id), 36);
    world_expect_record(world, "Honda", "Sedan");
    assert_string_equal(world->detection, "{\"carBrand\":\"Honda\",\"bodyType\":\"Sedan\"}");
    json_t *branches = world_json(world->branch_results);
    const json_t *brand = json_object_get(branches, "car_brand_cls_v1");
    assert_string_equal(world_text(brand, "class"), "Honda");
    assert_string_equal(world_text(brand, "brand"), "Honda");
    assert_string_equal(world_text(json_object_get(branches, "car_bodytype_cls_v1"), "body_type"),
                        "Sedan");
    json_decref(branches);

    // The moment of the picture in local time, as the C library has it.
    const time_t moment = 1757715366;
    struct tm local;
    char stamp[32];
    assert_non_null(localtime_r(&moment, &local));
    assert_int_equal(strftime(stamp, sizeof stamp, "%Y-%m-%dT%H-%M-%S", &local), 19);
    json_t *record = world_json(world_record(world, "car_frontal_info", world->result.session_id));
    assert_string_equal(world_text(record, "captured_timestamp"), stamp);
    json_decref(record);

    assert_int_equal(world->message_count, 1);
    json_t *told = world_json(world->messages[0]);
    const json_t *data = json_object_get(told, "data");
    const json_t *message = json_object_get(data, "message");
    assert_string_equal(world_text(data, "channel"), "car_detections");
    assert_string_equal(world_text(message, "event"), "frontal_detected");
    assert_string_equal(world_text(message, "session_id"), world->result.session_id);
    char start[256];
    snprintf(start, sizeof start, "inference:d1:%s:%s:", world_text(message, "timestamp"),
             world->result.session_id);
    const char *key = world_text(message, "image_key");
    assert_memory_equal(key, start, strlen(start));
    assert_int_equal(strlen(key), strlen(start) + 36 + 4);
    assert_string_equal(key + strlen(key) - 4, ".jpg");
    expect_picture(world, key, 100, 80); // the front's box
    json_decref(told);
}

static void two_cars_have_two_sessions(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, TRACE, WORLD_SCRIPT);
    char first[64];
    world_run(world);
    memcpy(first, world->result.session_id, sizeof first);
    world_run(world);
    assert_string_not_equal(first, world->result.session_id);
    world_expect_record(world, "Honda", "Sedan");
    assert_non_null(world_record(world, "car_frontal_info", first));
}

static void car_without_a_front_has_no_side_effects(void **state)
{
    struct world *world = *state;
    world_start(world);
    // One expected class is enough for multiClass, but the brand branch would not run.
    world_load(world, TRACE, "{" WORLD_CAR_ALONE "," WORLD_HONDA "," WORLD_SEDAN "}");
    world_run(world);
    assert_int_equal(world->result.rc, 0);
    assert_false(world->result.found);
    assert_string_equal(world->result.why_not,
                        "branch car_brand_cls_v1 would not run: no Frontal was seen");
    assert_string_equal(world->result.session_id, "");
    assert_int_equal(world->result.detection_count, 1);
    world_expect_nothing_done(world);
}

#define DOUBTFUL_FRONT                                                                             \
    "\"car\":[[{\"class\":\"Car\",\"confidence\":0.93,"                                            \
    "\"bbox\":{\"x\":100,\"y\":100,\"width\":300,\"height\":200}},"                                \
    "{\"class\":\"Frontal\",\"confidence\":0.82,"                                                  \
    "\"bbox\":{\"x\":150,\"y\":150,\"width\":100,\"height\":80}}]]"

static void doubtful_front_does_not_trigger_its_branch(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, TRACE, "{" DOUBTFUL_FRONT "}");
    world_run(world);
    assert_false(world->result.found);
    assert_string_equal(world->result.why_not,
                        "branch car_brand_cls_v1 would not run: Frontal 0.82 is below 0.85");
    world_expect_nothing_done(world);
}

static void nothing_expected_or_nothing_at_all_ends_without_effects(void **state)
{
    struct world *world = *state;
    world_start(world);
    static const char person[] = "{\"car\":[[{\"class\":\"Person\",\"confidence\":0.99,"
                                 "\"bbox\":{\"x\":10,\"y\":10,\"width\":50,\"height\":100}}]]}";
    world_load(world, TRACE, person); // filtered by triggerClasses
    world_run(world);
    assert_false(world->result.found);
    assert_string_equal(world->result.why_not, "nothing was seen");
    world_load(
        world,
        "{\"pipeline\":{" NODE(
            "root",
            "car") ",\"crop\":false,\"triggerClasses\":[],"
                   "\"multiClass\":true,\"expectedClasses\":[\"Car\",\"Frontal\"]," SAVE_AND_PUBLISH
                   ",\"branches\":[]}}",
        person);
    world_run(world);
    assert_false(world->result.found);
    assert_string_equal(world->result.why_not, "none of the expected classes was seen (Car, ...)");
    assert_int_equal(world->result.detection_count, 1);
    world_expect_nothing_done(world);
}

static void failed_branch_leaves_its_column_under_any(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, TRACE,
               "{" WORLD_CAR_AND_FRONT ",\"brand\":\"no such weights\"," WORLD_SEDAN "}");
    world_run(world);
    assert_true(world->result.found);
    world_expect_record(world, "", "Sedan");
    assert_string_equal(world->detection, "{\"bodyType\":\"Sedan\"}");
    json_t *branches = world_json(world->branch_results);
    const json_t *brand = json_object_get(branches, "car_brand_cls_v1");
    assert_string_equal(world_text(brand, "type"), "model_error");
    assert_non_null(strstr(world_text(brand, "error"), "no such weights"));
    json_decref(branches);
    struct nj_node_timing timing;
    nj_loaded_pipeline_timing(world->pipeline, 1, &timing);
    assert_int_equal(timing.failed, 1);
    assert_int_equal(timing.runs, 0);
    nj_loaded_pipeline_timing(world->pipeline, 2, &timing);
    assert_int_equal(timing.runs, 1);
}

static void failed_branch_stops_the_update_under_all(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, TRACE_WITH("\"partial_branches\":\"all\","),
               "{" WORLD_CAR_AND_FRONT ",\"brand\":\"no such weights\"," WORLD_SEDAN "}");
    world_run(world);
    assert_true(world->result.found);
    world_expect_record(world, "", ""); // the first record alone
    assert_int_equal(world->message_count, 1);
}

static bool has_two_waiting(struct world *world)
{
    struct nj_scheduler_stats stats;
    nj_scheduler_get_stats(world->scheduler, &stats);
    return stats.waiting == 2;
}

static bool has_result(struct world *world)
{
    return world->results == 1;
}

// The root is known already, its branches wait for a model that does not come.
static void run_into_time_out(struct world *world, const char *pipeline)
{
    static const struct nj_run_detection known[] = {
        {.label = "Frontal", .detection = {.confidence = .88f, .box = {150, 150, 100, 80}}},
        {.label = "Car",
         .detection = {.confidence = .93f, .box = {100, 100, 300, 200}},
         .track_id = 7}};
    world_start(world);
    world_load(world, pipeline, WORLD_SCRIPT);
    world->run.known = known;
    world->run.known_count = 2;
    world_block(world);
    world_begin_run(world);
    world_until(world, has_two_waiting);
    world_advance(world, 29 * NJ_US_PER_S);
    assert_int_equal(world->results, 0);
    world_advance(world, NJ_US_PER_S);
    world_until(world, has_result);
    assert_int_equal(world->executor->count, 1); // its models come back some day
    world_unblock(world);
    world_until(world, world_is_quiet);
    assert_int_equal(world->results, 1);
    json_t *branches = world_json(world->branch_results);
    assert_string_equal(world_text(json_object_get(branches, "car_brand_cls_v1"), "type"),
                        "timeout");
    json_decref(branches);
    assert_string_equal(world->result.detections[0].label, "Car"); // surest first
    assert_int_equal(world->result.detections[0].track_id, 7);
}

static void late_branches_end_after_30_s_and_the_image_is_saved(void **state)
{
    struct world *world = *state;
    run_into_time_out(world, TRACE);
    world_expect_record(world, "", "");
    assert_int_equal(world->message_count, 1);
    struct nj_node_timing timing;
    nj_loaded_pipeline_timing(world->pipeline, 1, &timing);
    assert_int_equal(timing.timeouts, 1);
    // No branch has a result: what was seen is told as it is.
    assert_string_equal(world->detection,
                        "{\"class\":\"Car\",\"confidence\":0.93,\"bbox\":[100,100,400,300]}");
}

static void late_branches_write_nothing_under_all(void **state)
{
    struct world *world = *state;
    run_into_time_out(world, TRACE_WITH("\"partial_branches\":\"all\","));
    world_expect_record(world, "", "");
    assert_int_equal(world->message_count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int trace_test(void)
{
    const struct CMUnitTest tests[] = {
        TEST(trace_saves_publishes_and_records_one_car),
        TEST(two_cars_have_two_sessions),
        TEST(car_without_a_front_has_no_side_effects),
        TEST(doubtful_front_does_not_trigger_its_branch),
        TEST(nothing_expected_or_nothing_at_all_ends_without_effects),
        TEST(failed_branch_leaves_its_column_under_any),
        TEST(failed_branch_stops_the_update_under_all),
        TEST(late_branches_end_after_30_s_and_the_image_is_saved),
        TEST(late_branches_write_nothing_under_all),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
