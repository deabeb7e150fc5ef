// SPDX-License-Identifier: Apache-2.0
// Everything that a pipeline needs to run by itself, for the time of a command: a store and a
// folder of its own, models, actions.
#ifndef NJ_CLI_CLI_MPTA_WORLD_H
#define NJ_CLI_CLI_MPTA_WORLD_H

#include "cli/cli_mpta.h"
#include "pipeline/executor.h"

#include <uv.h>

enum { NJ_CLI_WORLD_SIGNALS = 3 };

struct nj_cli_world {
    struct nj_cli_folder folder; // of the embedded store, unless it is kept
    struct nj_log *log;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_media *media;
    struct nj_bus *bus;
    struct nj_work_queue *queue;
    struct nj_archive *archive;
    struct nj_model_cache *models;
    struct nj_loaded_pipeline *pipeline;
    struct nj_scheduler *scheduler;
    struct nj_action_runner *actions;
    struct nj_executor *executor;
    struct nj_action_options action_options;
    struct nj_redis_options redis;
    struct nj_foreign_options foreign;
    struct nj_action_stats stats; // at the end
    uv_signal_t signals[NJ_CLI_WORLD_SIGNALS];
    size_t signal_count; // that are watched
    bool interrupted;    // whoever runs the loop ends soon then
};

// `world` is zeroed and stays where it is; finish in every case. On the thread that runs the loop
// later. From then on SIGINT, SIGTERM and SIGHUP set `interrupted`, unless they were ignored.
int nj_cli_world_start(struct nj_cli_world *world, const struct nj_cli_mpta *mpta,
                       const char *archive, struct nj_error *err);
// Lets actions under way end, then ends the loop. Loop thread.
void nj_cli_world_stop(struct nj_cli_world *world);
void nj_cli_world_finish(struct nj_cli_world *world);

#endif
