// SPDX-License-Identifier: Apache-2.0
// What the files of the composition root share.
#ifndef NJ_APP_APP_PRIV_H
#define NJ_APP_APP_PRIV_H

#include "analysis/analysis.h"
#include "app/app.h"
#include "batch/batch.h"
#include "http/http.h"
#include "pipeline/live_set.h"
#include "pipeline/upload.h"

#include <pthread.h>

enum {
    NJ_APP_LOGS_MAX = 16, // components of the table below
};

// A snapshot that a reload replaced, until nobody reads it any more.
struct nj_app_retired {
    struct nj_store_op op;
    struct nj_config *config;
    struct nj_app_retired *next;
};

struct nj_app {
    struct nj_loop *loop;
    struct nj_log *log;
    struct nj_config *config;    // newest snapshot; loop thread
    struct nj_config *first;     // what parts that cannot reload hold on to
    struct nj_app_retired *kept; // snapshots that end with the program
    int (*reload)(void *context, struct nj_config **out, struct nj_error *err);
    void *context;

    struct nj_metrics *metrics;
    struct nj_latency *latency;
    struct nj_registry *registry;
    struct nj_breaker *detector_breaker, *llm_breaker;
    struct nj_store *store;
    struct nj_bus *bus;
    struct nj_work_queue *detection_queue, *analysis_queue, *action_queue;
    struct nj_realtime *realtime;
    struct nj_api_context api_context; // grows while services start
    struct nj_api *api;
    bool api_ended; // no connection and no answer is under way any more
    struct nj_analysis *analysis;
    struct nj_batcher *batcher;
    struct nj_detector *detector;
    struct nj_scheduler *scheduler;
    struct nj_upload_pipeline *upload;
    struct nj_media *media;
    struct nj_camera_watch *camera_watch;
    struct nj_cleanup *cleanup;
    struct nj_service_watch *service_watch;
    struct nj_streams *streams;
    struct nj_live_set *live;
    struct nj_folder_source *folder;
    struct nj_archive_store *archives;
    struct nj_model_cache *models;
    struct nj_action_runner *actions;
    bool actions_ending, actions_stopped;
    struct nj_executor *executor;
    struct nj_subscriptions *subscriptions;
    bool subscriptions_stopped;
    struct nj_worker *worker;
    struct nj_stream_watch *stream_watch;

    struct nj_log *logs[NJ_APP_LOGS_MAX]; // one a component
    size_t log_count;

    size_t started; // services of the table that run, or whose start was tried
    struct nj_app_drain *drain;
    void (*stop_done)(void *arg); // NULL until a stop was asked for
    void *stop_arg;
};

// A part of the program with a life of its own. `stop` is idempotent, does not wait, and is also
// called after a start that failed half way.
enum nj_service_role {
    NJ_SERVICE_CARRIES, // work on, to its end
    NJ_SERVICE_PRODUCES // brings work in; those behind it do, too
};
struct nj_service {
    const char *name;
    int (*start)(struct nj_app *app, struct nj_error *err);
    void (*stop)(struct nj_app *app);
    enum nj_service_role role;
};

// The visible table: consumers first. Stopping goes backwards, draining after the producers.
extern const struct nj_service nj_services[];
extern const size_t nj_service_count;
size_t nj_first_producer(void); // index of the first one that brings work in

// Destroys what the services made, in reverse order; harmless where nothing was made.
void nj_app_release_parts(struct nj_app *app);

int nj_app_register_probes(struct nj_app *app);

// Warns of addresses of services that another setting keeps from being asked.
void nj_app_tell_unused(const struct nj_app *app);

// The group's struct, of the snapshot that parts hold on to.
const void *nj_app_group(const struct nj_app *app, const struct nj_option_group *which);
// A log that names the component; the program's own when there is no memory or place.
struct nj_log *nj_app_component_log(struct nj_app *app, const char *component);

// Producers have stopped: lets queues, work under way and open batches end, then calls `finished`
// on the loop thread. `hurry` skips what is left of the waiting.
int nj_app_drain_start(struct nj_app *app, void (*finished)(struct nj_app *app));
void nj_app_drain_hurry(struct nj_app *app);
void nj_app_drain_destroy(struct nj_app *app);

#endif
