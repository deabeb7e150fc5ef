// SPDX-License-Identifier: Apache-2.0
// The world of the tests of pipelines.
#include "tests/fake/world/world.h"

#include "detect/engine_driver.h"
#include "jobs/dead_letter.h"
#include "pipeline/executor_priv.h"
#include "storage/store_records.h"
#include "tests/fake/await.h"
#include "tests/fake/world/zip.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct nj_option_group *const groups[] = {&nj_action_option_group,
                                                       &nj_redis_option_group,
                                                       &nj_foreign_option_group,
                                                       &nj_work_queue_option_group,
                                                       &nj_model_cache_option_group,
                                                       &nj_detect_option_group,
                                                       NULL};

struct model_file {
    const char *name, *manifest;
};

#define MANIFEST(name, decoder, classes)                                                           \
    "{\"name\":\"" name "\",\"weights\":\"" name ".onnx\",\"decoder\":\"" decoder                  \
    "\",\"threshold\":0.3,\"input\":{\"width\":64,\"height\":64},\"classes\":" classes "}"

static const struct model_file models[] = {
    {"car", MANIFEST("car", "end_to_end", "[\"Car\",\"Frontal\",\"Person\"]")},
    {"plate", MANIFEST("plate", "end_to_end", "[\"Plate\"]")},
    {"brand", MANIFEST("brand", "classes", "[\"Honda\",\"Toyota\"]")},
    {"body", MANIFEST("body", "classes", "[\"Sedan\",\"SUV\"]")},
    {"reader",
     "{\"name\":\"reader\",\"weights\":\"reader.onnx\",\"decoder\":\"ctc\",\"threshold\":0.3,"
     "\"input\":{\"width\":64,\"height\":32},\"classes\":[\"A\",\"B\",\"1\",\"2\"]}"},
};

void world_set(struct world *world, const char *format, ...)
{
    va_list arguments;
    assert_true(world->set_count < WORLD_SETS_MAX);
    va_start(arguments, format);
    vsnprintf(world->sets[world->set_count++], sizeof world->sets[0], format, arguments);
    va_end(arguments);
}

static void make_frame(struct world *world)
{
    assert_int_equal(nj_frame_allocate(640, 480, NJ_PIXEL_I420, &world->frame), 0);
    for (int plane = 0; plane < 3; plane++)
        memset((void *)(uintptr_t)world->frame->planes[plane], plane == 0 ? 90 : 128,
               (size_t)world->frame->strides[plane] * (plane == 0 ? 480 : 240));
    world->frame->sequence = 1;
}

int world_setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    nj_temp_dir_init(&world->dir);
    nj_fake_clock_init(&world->clock, 1757715366LL * NJ_US_PER_S);
    assert_int_equal(nj_loop_create(&world->clock.clock, &world->loop, NULL), 0);
    make_frame(world);
    *state = world;
    return 0;
}

static void keep_message(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    struct world *world = NJ_CONTAINER_OF(subscriber, struct world, told);
    assert_true(world->message_count < WORLD_MESSAGES_MAX);
    world->messages[world->message_count++] = nj_strdup(message->json);
}

static void start_stores(struct world *world)
{
    char path[NJ_TEMP_PATH_MAX];
    const struct nj_store_options store = {.path = nj_temp_dir_path(&world->dir, "db", path),
                                           .readers = 1,
                                           .max_queued = 1000,
                                           .group_max = 100};
    assert_int_equal(nj_store_open(&store, &world->clock.clock, &world->store, NULL), 0);
    assert_int_equal(
        nj_media_create(nj_temp_dir_path(&world->dir, "media", path), 0, &world->media, NULL), 0);
    assert_int_equal(nj_bus_create(world->loop, NULL, 1000, &world->bus, NULL), 0);
    world->told.fn = keep_message;
    nj_bus_subscribe(world->bus, &world->told, "actions");
    const struct nj_work_queue_config queue = {
        .order_member = NJ_ACTION_ORDER_MEMBER,
        .name = "action_queue",
        .metric_label = "action",
        .store = world->store,
        .loop = world->loop,
        .options = *(const struct nj_work_queue_options *)nj_config_get(
            world->config, &nj_work_queue_option_group),
        .seed = 1};
    assert_int_equal(nj_work_queue_create(&queue, &world->queue, NULL), 0);
}

static void start_models(struct world *world)
{
    world->detect =
        *(const struct nj_detect_options *)nj_config_get(world->config, &nj_detect_option_group);
    world->detect.engine = NJ_ENGINE_NULL;
    world->detect.models_folder = NJ_TEST_SOURCE_DIR "/models";
    const struct nj_detector_config detector = {.options = &world->detect,
                                                .clock = &world->clock.clock};
    struct nj_error err = {0};
    if (nj_detector_create(&detector, &world->detector, &err) != 0)
        fail_msg("%s", err.text);
    const struct nj_scheduler_config scheduler = {
        .detector = world->detector, .clock = &world->clock.clock, .threads = 1, .max_jobs = 100};
    assert_int_equal(nj_scheduler_create(&scheduler, &world->scheduler, NULL), 0);
}

static void start_actions(struct world *world)
{
    static struct nj_archive_options archives;
    archives = zip_options(&world->dir);
    archives.secrets = (struct nj_text_list){&world->secret, world->secret != NULL};
    const struct nj_action_runner_config actions = {
        .options = nj_config_get(world->config, &nj_action_option_group),
        .redis = nj_config_get(world->config, &nj_redis_option_group),
        .foreign = nj_config_get(world->config, &nj_foreign_option_group),
        .archives = &archives,
        .loop = world->loop,
        .store = world->store,
        .media = world->media,
        .bus = world->bus,
        .queue = world->queue,
        .metrics = world->metrics,
        .registry = world->registry};
    struct nj_error err = {0};
    if (nj_action_runner_create(&actions, &world->actions, &err) != 0)
        fail_msg("%s", err.text);
    const struct nj_executor_config executor = {
        .loop = world->loop, .scheduler = world->scheduler, .actions = world->actions};
    assert_int_equal(nj_executor_create(&executor, &world->executor, NULL), 0);
}

void world_start(struct world *world)
{
    const char *sets[WORLD_SETS_MAX + 1] = {0};
    struct nj_error err = {0};
    for (size_t i = 0; i < world->set_count; i++)
        sets[i] = world->sets[i];
    const struct nj_config_input input = {.groups = groups, .sets = sets};
    if (nj_config_load(&input, &world->config, &err) != 0)
        fail_msg("%s", err.text);
    start_stores(world);
    start_models(world);
    start_actions(world);
}

void world_turn(struct world *world)
{
    nj_loop_moment(world->loop);
}

struct wish {
    struct world *world;
    world_condition condition;
};

static bool is_fulfilled(void *arg)
{
    const struct wish *wish = arg;
    return wish->condition(wish->world);
}

void world_until(struct world *world, world_condition condition)
{
    struct wish wish = {world, condition};
    nj_loop_await(world->loop, is_fulfilled, &wish, NJ_PATIENCE_US, "something of the world");
}

void world_advance(struct world *world, nj_us us)
{
    enum { STEP_US = 250 * NJ_US_PER_MS };
    for (nj_us done = 0; done < us; done += STEP_US) {
        nj_fake_clock_advance(&world->clock, us - done < STEP_US ? us - done : STEP_US);
        while (nj_loop_turn(world->loop) > 0)
            continue;
    }
}

bool world_is_quiet(struct world *world)
{
    struct nj_action_stats stats;
    nj_action_runner_get_stats(world->actions, &stats);
    return world->executor->count == 0 && stats.under_way == 0 &&
           nj_work_queue_in_flight(world->queue) == 0;
}

static void note_stopped(void *arg)
{
    *(bool *)arg = true;
}

static bool is_stopped(struct world *world)
{
    return world->stopped;
}

static bool is_idle(struct world *world)
{
    return world->executor->count == 0;
}

void world_stop(struct world *world, nj_us deadline_us)
{
    if (world->actions == NULL)
        return;
    world_until(world, is_idle);
    world->stopped = false;
    nj_action_runner_stop(world->actions, deadline_us, note_stopped, &world->stopped);
    world_advance(world, deadline_us);
    world_until(world, is_stopped);
    nj_executor_destroy(world->executor);
    nj_action_runner_destroy(world->actions);
    world->actions = NULL;
    world_unload(world);
    nj_scheduler_destroy(world->scheduler);
    nj_detector_destroy(world->detector);
    for (int i = 0; i < 3; i++)
        world_turn(world);
    nj_work_queue_destroy(world->queue);
    nj_store_close(world->store);
    while (nj_loop_turn(world->loop) > 0)
        continue;
    nj_bus_unsubscribe(&world->told);
    nj_bus_destroy(world->bus);
    nj_media_destroy(world->media);
    nj_config_unref(world->config);
}

int world_teardown(void **state)
{
    struct world *world = *state;
    world_stop(world, 0);
    for (size_t i = 0; i < world->message_count; i++)
        free(world->messages[i]);
    free(world->branch_results);
    free(world->detection);
    nj_frame_unref(world->frame);
    nj_metrics_destroy(world->metrics);
    nj_registry_destroy(world->registry);
    nj_loop_destroy(world->loop);
    nj_temp_dir_finish(&world->dir);
    free(world);
    return 0;
}

static void write_text(const struct world *world, const char *folder, const char *name,
                       const char *text)
{
    char place[NJ_TEMP_PATH_MAX], path[2 * NJ_TEMP_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", nj_temp_dir_path(&world->dir, folder, place), name);
    FILE *file = fopen(path, "wb"); // without a flush: tests write many
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void pack(struct world *world, const char *pipeline_json, char *out_path)
{
    const struct nj_archive_options options = zip_options(&world->dir);
    char folder[NJ_TEMP_PATH_MAX], name[64];
    struct nj_error err = {0};
    (void)mkdir(nj_temp_dir_path(&world->dir, "in", folder), 0700);
    write_text(world, "in", "pipeline.json", pipeline_json);
    for (size_t i = 0; i < NJ_COUNT_OF(models); i++) {
        snprintf(name, sizeof name, "%s.onnx", models[i].name);
        write_text(world, "in", name, models[i].name);
        snprintf(name, sizeof name, "%s.json", models[i].name);
        write_text(world, "in", name, models[i].manifest);
    }
    nj_temp_dir_path(&world->dir, "out.mpta", out_path);
    if (nj_archive_pack(&options, folder, out_path, &err) != 0)
        fail_msg("%s", err.text);
}

void world_load(struct world *world, const char *pipeline_json, const char *script)
{
    const struct nj_archive_options options = zip_options(&world->dir);
    char path[NJ_TEMP_PATH_MAX];
    struct nj_error err = {0};
    world_unload(world);
    pack(world, pipeline_json, path);
    if (nj_archive_open(&options, path, &world->archive, &err) != 0)
        fail_msg("%s", err.text);
    world->detect.null_script = script;
    const struct nj_model_cache_config cache = {
        .options = nj_config_get(world->config, &nj_model_cache_option_group),
        .detect = &world->detect,
        .clock = &world->clock.clock};
    assert_int_equal(nj_model_cache_create(&cache, &world->models, NULL), 0);
    if (nj_loaded_pipeline_create(world->archive, world->models, &world->pipeline, &err) != 0)
        fail_msg("%s", err.text);
}

void world_unload(struct world *world)
{
    nj_loaded_pipeline_unref(world->pipeline);
    world->pipeline = NULL;
    nj_archive_unref(world->archive);
    world->archive = NULL;
    if (world->models != NULL)
        nj_model_cache_destroy(world->models);
    world->models = NULL;
}

static void note_result(struct nj_run *run, const struct nj_run_result *result)
{
    struct world *world = NJ_CONTAINER_OF(run, struct world, run);
    free(world->branch_results);
    free(world->detection);
    world->result = *result;
    world->result.branch_results = world->branch_results = nj_strdup(result->branch_results);
    world->result.detection = world->detection = nj_strdup(result->detection);
    world->results++;
}

void world_begin_run(struct world *world)
{
    world->run.pipeline = world->pipeline;
    world->run.frame = world->frame;
    world->run.display_id = "d1";
    world->run.camera_id = world->camera_id != NULL ? world->camera_id : "c1";
    world->run.subscription_id = "d1;c1";
    world->run.done = note_result;
    assert_int_equal(nj_executor_run(world->executor, &world->run, NULL), 0);
}

void world_run(struct world *world)
{
    const size_t before = world->results;
    world_begin_run(world);
    world_until(world, world_is_quiet);
    assert_int_equal(world->results, before + 1);
}

void world_block(struct world *world)
{
    nj_job_gate_close(&world->gate, world->scheduler);
    nj_job_gate_await_entered(&world->gate);
}

void world_unblock(struct world *world)
{
    nj_job_gate_open(&world->gate);
}

struct look {
    struct nj_store_op op;
    const char *table, *key;
    struct nj_record_row row;
    struct nj_letter_page page;
    struct nj_work_queue *queue;
};

json_t *world_json(const char *text)
{
    json_t *root = NULL;
    assert_non_null(text);
    assert_int_equal(nj_json_parse(text, strlen(text), 1 << 20, &root, NULL), 0);
    return root;
}

const char *world_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static int apply_record(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct look *look = NJ_CONTAINER_OF(op, struct look, op);
    return nj_records_get(db, look->table, look->key, &look->row, err);
}

const char *world_record(struct world *world, const char *table, const char *key)
{
    static char json[NJ_RECORD_JSON_MAX + 1];
    struct look look = {.op = {.apply = apply_record}, .table = table, .key = key};
    if (nj_store_read_wait(world->store, &look.op, NULL) != 0)
        return NULL;
    snprintf(json, sizeof json, "%s", look.row.json);
    nj_record_row_finish(&look.row);
    return json;
}

void world_expect_record(struct world *world, const char *brand, const char *body)
{
    json_t *record = world_json(world_record(world, "car_frontal_info", world->result.session_id));
    assert_string_equal(world_text(record, "display_id"), "d1");
    assert_string_equal(world_text(record, "license_type"), "No model available");
    assert_string_equal(world_text(record, "session_id"), world->result.session_id);
    assert_int_equal(strlen(world_text(record, "captured_timestamp")), 19);
    assert_string_equal(world_text(record, "car_brand"), brand);
    assert_string_equal(world_text(record, "car_body_type"), body);
    json_decref(record);
}

static int apply_letters(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct look *look = NJ_CONTAINER_OF(op, struct look, op);
    const struct nj_letter_filter filter = {.queue = "action_queue", .limit = 100};
    return nj_letters_list(db, &filter, &look->page, err);
}

struct nj_letter_page world_letters(struct world *world)
{
    struct look look = {.op = {.apply = apply_letters}};
    assert_int_equal(nj_store_read_wait(world->store, &look.op, NULL), 0);
    return look.page;
}

size_t world_count_letters(struct world *world)
{
    struct nj_letter_page page = world_letters(world);
    const size_t count = page.count;
    nj_letter_page_finish(&page);
    return count;
}

void world_expect_nothing_done(struct world *world)
{
    struct nj_action_stats stats;
    nj_action_runner_get_stats(world->actions, &stats);
    assert_int_equal(stats.done + stats.failed, 0);
    assert_int_equal(world->message_count, 0);
    assert_int_equal(world_count_letters(world), 0);
}

static int apply_requeue(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    return nj_work_queue_requeue(NJ_CONTAINER_OF(op, struct look, op)->queue, db, 0, err);
}

void world_requeue(struct world *world)
{
    struct look look = {.op = {.apply = apply_requeue}, .queue = world->queue};
    assert_int_equal(nj_store_write_wait(world->store, &look.op, NULL), 0);
}
