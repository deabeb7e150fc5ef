// SPDX-License-Identifier: Apache-2.0
// A world for one archive. Unless its actions are wanted, nothing of it leaves this machine.
#include "cli/cli_mpta_world.h"

#include "util/file.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    ACTIONS_END_US = 10 * NJ_US_PER_S, // for actions under way when all pictures are done
    STORE_READERS = 1,
    STORE_QUEUE = 1000,
    STORE_GROUP = 100,
    BUS_WAITING = 1000,
    JOBS_MAX = 256
};

static int open_store(struct nj_cli_world *world, const char *folder, struct nj_error *err)
{
    char path[NJ_CLI_FOLDER_MAX + 32];
    snprintf(path, sizeof path, "%s/nightjar.db", folder);
    const struct nj_store_options options = {.path = path,
                                             .readers = STORE_READERS,
                                             .max_queued = STORE_QUEUE,
                                             .group_max = STORE_GROUP,
                                             .busy_timeout_us = NJ_US_PER_S};
    int rc = nj_store_open(&options, nj_clock_real(), &world->store, err);
    snprintf(path, sizeof path, "%s/pictures", folder);
    if (rc == 0)
        rc = nj_media_create(path, 0, &world->media, err);
    return rc;
}

static int start_store(struct nj_cli_world *world, const struct nj_cli_mpta *mpta,
                       struct nj_error *err)
{
    const char *folder = mpta->keep;
    int rc = 0;
    if (folder == NULL) {
        rc = nj_cli_folder_make(&world->folder, err);
        folder = world->folder.path;
    } else if (strlen(folder) >= NJ_CLI_FOLDER_MAX) {
        rc = nj_error_set(err, NJ_E_TOO_BIG, "--keep: the path is too long");
    } else {
        rc = nj_dir_create(folder, err);
    }
    if (rc == 0)
        rc = open_store(world, folder, err);
    if (rc == 0)
        rc = nj_bus_create(world->loop, NULL, BUS_WAITING, &world->bus, err);
    const struct nj_work_queue_config queue = {
        .name = "action_queue",
        .metric_label = "action",
        .order_member = NJ_ACTION_ORDER_MEMBER,
        .store = world->store,
        .loop = world->loop,
        .log = world->log,
        .options = *(const struct nj_work_queue_options *)nj_config_get(
            mpta->config, &nj_work_queue_option_group),
        .seed = 1};
    return rc == 0 ? nj_work_queue_create(&queue, &world->queue, err) : rc;
}

static int load(struct nj_cli_world *world, const struct nj_cli_mpta *mpta, const char *archive,
                struct nj_error *err)
{
    const struct nj_model_cache_config cache = {
        .options = nj_config_get(mpta->config, &nj_model_cache_option_group),
        .detect = nj_config_get(mpta->config, &nj_detect_option_group),
        .clock = nj_clock_real(),
        .log = world->log};
    int rc = nj_archive_open(&mpta->archives, archive, &world->archive, err);
    if (rc == 0)
        rc = nj_model_cache_create(&cache, &world->models, err);
    if (rc == 0)
        rc = nj_loaded_pipeline_create(world->archive, world->models, &world->pipeline, err);
    if (rc != 0)
        return rc;
    const struct nj_scheduler_config scheduler = {.detector =
                                                      nj_loaded_pipeline_model(world->pipeline, 0),
                                                  .clock = nj_clock_real(),
                                                  .max_jobs = JOBS_MAX};
    return nj_scheduler_create(&scheduler, &world->scheduler, err);
}

// Without --actions neither servers of the site nor of the archive are reached.
static void keep_inside(struct nj_cli_world *world)
{
    world->redis.url = "";
    world->foreign.url = "";
    world->action_options.rules = (struct nj_address_rules){0};
    // Nobody else has this archive.
    world->archive->spec->redis.given = false;
    world->archive->spec->postgresql.given = false;
}

static int start_actions(struct nj_cli_world *world, const struct nj_cli_mpta *mpta,
                         struct nj_error *err)
{
    world->action_options =
        *(const struct nj_action_options *)nj_config_get(mpta->config, &nj_action_option_group);
    world->redis =
        *(const struct nj_redis_options *)nj_config_get(mpta->config, &nj_redis_option_group);
    world->foreign =
        *(const struct nj_foreign_options *)nj_config_get(mpta->config, &nj_foreign_option_group);
    if (!mpta->actions)
        keep_inside(world);
    const struct nj_action_runner_config actions = {.options = &world->action_options,
                                                    .redis = &world->redis,
                                                    .foreign = &world->foreign,
                                                    .archives = &mpta->archives,
                                                    .loop = world->loop,
                                                    .store = world->store,
                                                    .media = world->media,
                                                    .bus = world->bus,
                                                    .queue = world->queue,
                                                    .log = world->log};
    const int rc = nj_action_runner_create(&actions, &world->actions, err);
    const struct nj_executor_config executor = {.loop = world->loop,
                                                .scheduler = world->scheduler,
                                                .actions = world->actions,
                                                .log = world->log};
    return rc == 0 ? nj_executor_create(&executor, &world->executor, err) : rc;
}

// Called from: loop thread.
static void on_signal(uv_signal_t *handle, int number)
{
    struct nj_cli_world *world = handle->data;
    (void)number;
    world->interrupted = true;
}

// As nohup leaves SIGHUP, and a shell SIGINT to what it runs in the background.
static bool is_ignored(int number)
{
    struct sigaction before;
    return sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN;
}

// The folders of the command would stay behind if a signal ended it.
static void watch_signals(struct nj_cli_world *world)
{
    static const int numbers[NJ_CLI_WORLD_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < NJ_CLI_WORLD_SIGNALS; i++) {
        uv_signal_t *handle = &world->signals[world->signal_count];
        if (is_ignored(numbers[i]))
            continue;
        if (uv_signal_init(nj_loop_uv(world->loop), handle) != 0)
            return;
        world->signal_count++;
        handle->data = world;
        uv_signal_start(handle, on_signal, numbers[i]);
        uv_unref((uv_handle_t *)handle);
    }
}

int nj_cli_world_start(struct nj_cli_world *world, const struct nj_cli_mpta *mpta,
                       const char *archive, struct nj_error *err)
{
    const struct nj_log_options log = {.level = NJ_LOG_INFO, .format = NJ_LOG_TEXT};
    int rc = nj_log_create(&log, nj_clock_real(), &world->log, err);
    if (rc == 0)
        rc = nj_loop_create(nj_clock_real(), &world->loop, err);
    if (rc == 0)
        watch_signals(world);
    if (rc == 0)
        rc = load(world, mpta, archive, err);
    if (rc == 0)
        rc = start_store(world, mpta, err);
    return rc == 0 ? start_actions(world, mpta, err) : rc;
}

// Called from: loop thread.
static void on_stopped(void *arg)
{
    struct nj_cli_world *world = arg;
    nj_action_runner_get_stats(world->actions, &world->stats);
    nj_loop_stop(world->loop);
}

void nj_cli_world_stop(struct nj_cli_world *world)
{
    nj_action_runner_stop(world->actions, ACTIONS_END_US, on_stopped, world);
}

void nj_cli_world_finish(struct nj_cli_world *world)
{
    for (size_t i = 0; i < world->signal_count; i++)
        uv_close((uv_handle_t *)&world->signals[i], NULL);
    nj_executor_destroy(world->executor);
    nj_action_runner_destroy(world->actions);
    nj_scheduler_destroy(world->scheduler);
    nj_loaded_pipeline_unref(world->pipeline);
    nj_archive_unref(world->archive);
    nj_model_cache_destroy(world->models);
    if (world->loop != NULL) // what came back meanwhile
        while (nj_loop_turn(world->loop) > 0)
            continue;
    nj_work_queue_destroy(world->queue);
    nj_store_close(world->store);
    if (world->loop != NULL)
        while (nj_loop_turn(world->loop) > 0)
            continue;
    nj_bus_destroy(world->bus);
    nj_media_destroy(world->media);
    nj_loop_destroy(world->loop);
    nj_log_destroy(world->log);
    nj_cli_folder_remove(&world->folder);
}
