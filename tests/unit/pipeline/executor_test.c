// SPDX-License-Identifier: Apache-2.0
// What the executor does with trees of other shapes, and with runs that do not come to their end.
#include "pipeline/executor.h"

#include "tests/unit/pipeline/trace_helper.h"
#include "tests/fake/world/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

int executor_test(void);

#define NESTED(front)                                                                              \
    "{\"pipeline\":{" ROOT "," SAVE_AND_PUBLISH ",\"branches\":[{" NODE(                           \
        "front_v1", "plate") ",\"crop\":true,\"cropClass\":\"Frontal\","                           \
                             "\"triggerClasses\":[\"Frontal\"],\"branches\":[{" NODE(              \
                                 "car_brand_cls_v1",                                               \
                                 "brand") ",\"crop\":true,\"triggerClasses\":[\"" front            \
                                          "\"],\"branches\":[]}]}]," UPDATE_COMBINED(              \
                                              "\"car_brand_cls_v1\"") "}}"
#define PLATE                                                                                      \
    "\"plate\":[[{\"class\":\"Plate\",\"confidence\":0.9,"                                         \
    "\"bbox\":{\"x\":170,\"y\":160,\"width\":50,\"height\":40}}]]"

static void branch_of_a_branch_is_waited_for(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, NESTED("Plate"), "{" WORLD_CAR_AND_FRONT "," PLATE "," WORLD_HONDA "}");
    world_run(world);
    assert_true(world->result.found);
    world_expect_record(world, "Honda", "");
    json_t *branches = world_json(world->branch_results);
    // Flat, boxes in the whole picture's pixels.
    const json_t *box = json_object_get(json_object_get(branches, "front_v1"), "bbox");
    assert_float_equal(json_number_value(json_array_get(box, 0)), 170, .1);
    assert_float_equal(json_number_value(json_array_get(box, 3)), 200, .1);
    assert_string_equal(world_text(json_object_get(branches, "car_brand_cls_v1"), "brand"),
                        "Honda");
    json_decref(branches);
    struct nj_node_timing timing;
    nj_loaded_pipeline_timing(world->pipeline, 1, &timing);
    assert_int_equal(timing.runs, 1); // looked at once, although before and after the actions
}

static void deep_branch_that_would_not_run_is_known_before_any_effect(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, NESTED("Plate"), "{" WORLD_CAR_AND_FRONT "," WORLD_HONDA "}");
    world_run(world);
    assert_false(world->result.found);
    assert_string_equal(world->result.why_not,
                        "branch car_brand_cls_v1 would not run: front_v1 saw nothing for sure");
    world_expect_nothing_done(world);
}

static void model_that_fails_before_the_effects_is_no_reason_to_refuse(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, NESTED("Plate"), "{" WORLD_CAR_AND_FRONT ",\"plate\":\"broken\"}");
    world_run(world);
    assert_true(world->result.found); // unknown is not absent
    world_expect_record(world, "", "");
}

static void expect_box(const struct world *world, const char *branch, const double *corners)
{
    json_t *branches = world_json(world->branch_results);
    const json_t *box = json_object_get(json_object_get(branches, branch), "bbox");
    for (size_t i = 0; i < 4; i++)
        assert_float_equal(json_number_value(json_array_get(box, i)), corners[i], .2);
    json_decref(branches);
}

static void boxes_in_a_resized_crop_are_told_in_the_picture(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(
        world,
        "{\"pipeline\":{" NODE(
            "root", "car") ",\"crop\":false,\"triggerClasses\":[],"
                           "\"branches\":[{" NODE(
                               "deep", "plate") ",\"crop\":true,\"cropClass\":\"Frontal\","
                                                "\"resizeTarget\":[32,32],\"triggerClasses\":["
                                                "\"Frontal\"],\"branches\":[]}]}}",
        "{" WORLD_CAR_AND_FRONT ",\"plate\":[[{\"class\":\"Plate\",\"confidence\":0.9,"
        "\"bbox\":{\"x\":8,\"y\":8,\"width\":16,\"height\":8}}]]}");
    world_run(world);
    // 32 pixels are the front's 100 across and 80 down.
    expect_box(world, "deep", (const double[]){175, 170, 225, 190});
}

static void straightened_plate_is_as_high_as_the_model_and_keeps_its_shape(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(
        world,
        "{\"pipeline\":{" NODE(
            "root", "plate") ",\"crop\":false,\"triggerClasses\":[],"
                             "\"branches\":[{" NODE(
                                 "on_plate", "car") ",\"crop\":true,\"straighten\":true,"
                                                    "\"triggerClasses\":[],\"branches\":[]}]}}",
        "{\"plate\":[[{\"class\":\"Plate\",\"confidence\":0.9,"
        "\"bbox\":{\"x\":100,\"y\":200,\"width\":100,\"height\":20},\"points\":["
        "{\"x\":100,\"y\":200},{\"x\":200,\"y\":200},{\"x\":200,\"y\":220},"
        "{\"x\":100,\"y\":220}]}]],"
        "\"car\":[[{\"class\":\"Car\",\"confidence\":0.9,"
        "\"bbox\":{\"x\":160,\"y\":0,\"width\":160,\"height\":64}}]]}");
    world_run(world);
    // 64 pixels high, so 320 wide: the right half of the plate.
    expect_box(world, "on_plate", (const double[]){150, 200, 200, 220});
}

static void guess_of_a_classifier_is_no_result(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, TRACE,
               "{" WORLD_CAR_AND_FRONT "," WORLD_SEDAN
               ",\"brand\":[[{\"class\":\"Honda\",\"confidence\":0.84,"
               "\"bbox\":{\"x\":180,\"y\":170,\"width\":20,\"height\":20}}]]}");
    world_run(world);
    world_expect_record(world, "", "Sedan");
    json_t *branches = world_json(world->branch_results);
    const json_t *brand = json_object_get(branches, "car_brand_cls_v1");
    assert_true(json_is_null(json_object_get(brand, "class")));
    assert_null(json_object_get(brand, "brand"));
    assert_float_equal(json_number_value(json_object_get(brand, "confidence")), .84, 1e-6);
    json_decref(branches);
}

// The text goes where the trace has the brand.
#define READ_CAR                                                                                   \
    "{\"pipeline\":{" ROOT ",\"branches\":[" BODY_BRANCH ",{" NODE(                                \
        "text_v1", "reader") ",\"crop\":true,\"cropClass\":\"Frontal\",\"minConfidence\":0.75,"    \
                             "\"triggerClasses\":[\"Frontal\"],\"branches\":[]}],"                 \
                             "\"parallelActions\":[{\"type\":"                                     \
                             "\"postgresql_update_combined\",\"table\":\"car_frontal_info\","      \
                             "\"key_field\":\"session_id\","                                       \
                             "\"key_value\":\"{session_id}\",\"waitForBranches\":[\"text_v1\","    \
                             "\"car_bodytype_cls_v1\"],"                                           \
                             "\"fields\":{\"car_brand\":\"{text_v1.text}\","                       \
                             "\"car_body_type\":\"{car_bodytype_cls_v1.body_type}\"}}]}}"
#define READ_SCRIPT(confidence)                                                                    \
    "{" WORLD_CAR_AND_FRONT "," WORLD_SEDAN                                                        \
    ",\"reader\":[[{\"text\":\"AB12\",\"confidence\":" confidence "}]]}"

static void text_that_is_a_guess_is_told_to_nobody(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, READ_CAR, READ_SCRIPT("0.75")); // just as sure as asked for
    world_run(world);
    assert_non_null(strstr(world->detection, "\"licensePlateText\":\"AB12\""));
    world_expect_record(world, "AB12", "Sedan");
    world_unload(world);

    world_load(world, READ_CAR, READ_SCRIPT("0.74"));
    world_run(world);
    assert_null(strstr(world->detection, "licensePlate"));
    world_expect_record(world, "", "Sedan"); // the column stays as it was
    assert_non_null(
        strstr(world->branch_results, "\"text_v1\":{\"confidence\":0.74,\"text\":null}"));
}

static void plate_is_read_and_told(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world,
               "{\"pipeline\":{" NODE(
                   "plates", "plate") ",\"crop\":false,\"triggerClasses\":[],"
                                      "\"branches\":[{" NODE(
                                          "plate_text",
                                          "reader") ",\"crop\":true,"
                                                    "\"triggerClasses\":[\"plate\"],\"branches\":[]"
                                                    "}],\"parallelActions\":[{"
                                                    "\"type\":\"publish_message\",\"topic\":"
                                                    "\"plates\",\"message\":"
                                                    "\"read {plate_text.text} at {bbox}\"}]}}",
               "{" PLATE ",\"reader\":[[{\"text\":\"AB12\",\"confidence\":0.75}]]}");
    world_run(world);
    assert_string_equal(world->detection,
                        "{\"licensePlateText\":\"AB12\",\"licensePlateConfidence\":0.75}");
    assert_int_equal(world->message_count, 1);
    assert_non_null(strstr(world->messages[0], "\"message\":\"read AB12 at 170,160,220,200\""));
    assert_string_equal(world->result.session_id, ""); // no record, no session
}

static void sequential_branches_run_one_by_one(void **state)
{
    struct world *world = *state;
    static const struct nj_run_detection known[] = {
        {.label = "Car", .detection = {.confidence = .93f, .box = {100, 100, 300, 200}}}};
    struct nj_scheduler_stats stats;
    world_start(world);
    world_load(
        world,
        "{\"pipeline\":{" NODE(
            "root", "car") ",\"crop\":false,\"triggerClasses\":[],"
                           "\"branches\":[{" NODE(
                               "a_body",
                               "body") ",\"crop\":false,\"triggerClasses\":[],"
                                       "\"branches\":[]},{" NODE(
                                           "b_brand",
                                           "brand") ",\"crop\":false,"
                                                    "\"triggerClasses\":[],\"branches\":[]}]}}",
        WORLD_SCRIPT);
    world->run.known = known;
    world->run.known_count = 1;
    world_block(world);
    world_begin_run(world);
    for (int i = 0; i < 5; i++)
        world_turn(world);
    nj_scheduler_get_stats(world->scheduler, &stats);
    assert_int_equal(stats.waiting, 1);
    world_unblock(world);
    world_until(world, world_is_quiet);
    assert_string_equal(world->detection, "{\"carBrand\":\"Honda\",\"bodyType\":\"Sedan\"}");
}

static void crop_that_is_not_there_skips_its_branch(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(
        world,
        "{\"pipeline\":{" NODE(
            "root", "car") ",\"crop\":false,\"triggerClasses\":[],"
                           "\"branches\":[{" NODE(
                               "body", "body") ",\"crop\":true,\"cropClass\":\"Frontal\","
                                               "\"triggerClasses\":[\"Car\"],\"branches\":[]}]}}",
        "{" WORLD_CAR_ALONE "," WORLD_SEDAN "}");
    world_run(world);
    assert_true(world->result.found);
    assert_string_equal(world->branch_results, "{}");
    struct nj_node_timing timing;
    nj_loaded_pipeline_timing(world->pipeline, 1, &timing);
    assert_int_equal(timing.skipped, 1);
}

static void known_detections_are_filtered_as_the_root_would(void **state)
{
    struct world *world = *state;
    static const struct nj_run_detection known[] = {
        {.label = "Person", .detection = {.confidence = .99f, .box = {0, 0, 10, 10}}},
        {.label = "Car", .detection = {.confidence = .79f, .box = {100, 100, 300, 200}}}};
    world_start(world);
    world_load(world, TRACE, WORLD_SCRIPT);
    world->run.known = known;
    world->run.known_count = 2;
    world_run(world);
    assert_false(world->result.found);
    assert_string_equal(world->result.why_not, "nothing was seen");
}

static void failing_root_is_an_error_with_its_reason(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, TRACE, "{\"car\":\"gone\"}");
    world_run(world);
    assert_int_equal(world->result.rc, NJ_E_UNAVAILABLE);
    assert_non_null(strstr(world->result.error.text, "car_frontal_detection_v1: gone"));
    assert_false(world->result.found);
    world_expect_nothing_done(world);
}

static void cancelled_run_ends_soon_and_once(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(world, TRACE, WORLD_SCRIPT);
    world_begin_run(world);
    nj_executor_cancel(world->executor, &world->run); // before it began
    world_until(world, world_is_quiet);
    assert_int_equal(world->result.rc, NJ_E_CANCELLED);
    world_block(world);
    world_begin_run(world);
    for (int i = 0; i < 3; i++)
        world_turn(world);
    nj_executor_cancel(world->executor, &world->run); // while its model runs
    nj_executor_cancel(world->executor, &world->run);
    for (int i = 0; i < 3; i++)
        world_turn(world);
    assert_int_equal(world->results, 2);
    assert_int_equal(world->result.rc, NJ_E_CANCELLED);
    nj_executor_cancel(world->executor, &world->run); // after its end
    world_unblock(world);
    world_until(world, world_is_quiet);
    assert_int_equal(world->results, 2);
    world_expect_nothing_done(world);
}

static void record_that_the_archive_makes_itself_has_the_session(void **state)
{
    struct world *world = *state;
    world_start(world);
    world_load(
        world,
        "{\"pipeline\":{" NODE(
            "root", "car") ",\"crop\":false,\"triggerClasses\":[],"
                           "\"actions\":[{\"type\":\"postgresql_create_record\",\"table\":\"cars\","
                           "\"fields\":{\"sure\":\"{confidence}\","
                           "\"made\":\"NOW()\"}}],\"branches\":[]}}",
        WORLD_SCRIPT);
    world->run.session_id = "4711"; // the camera's is not the new record's
    world_run(world);
    assert_int_equal(strlen(world->result.session_id), 36);
    json_t *record = world_json(world_record(world, "cars", world->result.session_id));
    assert_float_equal(json_number_value(json_object_get(record, "sure")), .93, 1e-6);
    json_decref(record);
}

static void templates_know_the_request_and_what_was_seen(void **state)
{
    struct world *world = *state;
    static const struct nj_run_detection known[] = {
        {.label = "Car",
         .detection = {.confidence = .93f, .box = {100, 100, 300.1f, 200}},
         .track_id = 7}};
    world_start(world);
    world_load(world,
               "{\"pipeline\":{" NODE(
                   "root", "car") ",\"crop\":false,\"triggerClasses\":[],"
                                  "\"actions\":[{\"type\":\"publish_message\",\"topic\":\"x\","
                                  "\"message\":\"{session_id} {class} {subscription_id} "
                                  "{confidence} {w} {track_id} "
                                  "{model_id} {camera_id} {timestamp_ms}\"}],\"branches\":[]}}",
               WORLD_SCRIPT);
    world->run.session_id = "4711";
    world->run.known = known;
    world->run.known_count = 1;
    world_run(world);
    assert_string_equal(world->result.session_id, "4711"); // no record: the request's
    assert_non_null(strstr(world->messages[0], "\"message\":\"4711 Car d1;c1 0.93 300.1 7 "
                                               "root c1 1757715366000\""));
}

static void root_that_knows_no_trigger_class_is_not_loaded(void **state)
{
    struct world *world = *state;
    struct nj_loaded_pipeline *pipeline = NULL;
    struct nj_error err = {0};
    world_start(world);
    world_load(world, TRACE, WORLD_SCRIPT);
    struct nj_spec_node *root = &world->archive->spec->root;
    char *kept[2] = {root->trigger_classes.items[0], root->trigger_classes.items[1]};
    static char boat[] = "Boat";
    root->trigger_classes.items[0] = root->trigger_classes.items[1] = boat;
    assert_int_equal(nj_loaded_pipeline_create(world->archive, world->models, &pipeline, &err),
                     NJ_E_INVALID);
    assert_non_null(strstr(err.text, "pipeline (car_frontal_detection_v1): the model knows none"));
    root->trigger_classes.items[0] = kept[0];
    root->trigger_classes.items[1] = kept[1];
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int executor_test(void)
{
    const struct CMUnitTest tests[] = {
        TEST(branch_of_a_branch_is_waited_for),
        TEST(deep_branch_that_would_not_run_is_known_before_any_effect),
        TEST(model_that_fails_before_the_effects_is_no_reason_to_refuse),
        TEST(boxes_in_a_resized_crop_are_told_in_the_picture),
        TEST(straightened_plate_is_as_high_as_the_model_and_keeps_its_shape),
        TEST(guess_of_a_classifier_is_no_result),
        TEST(text_that_is_a_guess_is_told_to_nobody),
        TEST(plate_is_read_and_told),
        TEST(sequential_branches_run_one_by_one),
        TEST(crop_that_is_not_there_skips_its_branch),
        TEST(known_detections_are_filtered_as_the_root_would),
        TEST(failing_root_is_an_error_with_its_reason),
        TEST(cancelled_run_ends_soon_and_once),
        TEST(record_that_the_archive_makes_itself_has_the_session),
        TEST(templates_know_the_request_and_what_was_seen),
        TEST(root_that_knows_no_trigger_class_is_not_loaded),
    };
    return cmocka_run_group_tests_name("executor", tests, NULL, NULL);
}
