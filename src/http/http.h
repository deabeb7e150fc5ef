// SPDX-License-Identifier: Apache-2.0
// The API: router, authentication, one handler file per route. Loop thread only.
#ifndef NJ_HTTP_HTTP_H
#define NJ_HTTP_HTTP_H

#include "analysis/severity.h"
#include "bus/bus.h"
#include "config/config.h"
#include "detect/scheduler.h"
#include "health/latency.h"
#include "health/metrics.h"
#include "health/registry.h"
#include "jobs/work_queue.h"
#include "net/http_server.h"
#include "actions/action.h"
#include "pipeline/live_set.h"
#include "realtime/realtime.h"
#include "realtime/worker.h"
#include "sources/folder.h"
#include "storage/media.h"
#include "storage/retention.h"
#include "storage/store.h"

struct nj_api_options {
    bool api_key_enabled;              // API_KEY_ENABLED
    struct nj_text_list api_keys;      // API_KEYS, secret: plain, or "sha256:<hex>"
    const char *websocket_token;       // WEBSOCKET_TOKEN, secret
    bool allow_open;                   // a non-loopback address without keys is meant
    struct nj_text_list allowed_hosts; // further values of Host and Origin
    const char *web_root;              // built page; "": beside the program
    nj_us source_test_us;              // that the test of a camera may take
};
extern const struct nj_option_group nj_api_option_group; // group "api"

// What handlers may ask; the struct and everything in it is borrowed and outlives the API. NULL
// members: not there, the routes that need them answer 503; what starts later is filled in later.
struct nj_api_context {
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_registry *registry;
    struct nj_metrics *metrics;
    struct nj_latency *latency;
    struct nj_bus *bus;
    struct nj_work_queue *detection_queue, *analysis_queue, *action_queue;
    struct nj_scheduler *scheduler;
    struct nj_detector *detector;
    struct nj_folder_source *folder;
    struct nj_live_set *live;
    struct nj_streams *streams;
    const struct nj_address_rules *source_rules; // of the addresses of live cameras
    struct nj_media *media;
    struct nj_realtime *realtime;
    struct nj_subscriptions *subscriptions;
    struct nj_worker *worker;
    struct nj_model_cache *models;
    struct nj_action_runner *actions;
    const struct nj_retention_options *retention;
    // The newest configuration; the caller drops the reference.
    struct nj_config *(*config)(void *context);
    void *context;
    struct nj_log *log;
    nj_us started_us; // monotonic
    struct nj_picture_limits picture_limits;
    const char *upload_root;
};

struct nj_api;

// NJ_E_DENIED for an address that others reach without keys, unless allow_open. Any thread.
int nj_api_check_address(const struct nj_api_options *options,
                         const struct nj_http_server_options *server, struct nj_error *err);
// Refuses what nj_api_check_address does.
int nj_api_create(const struct nj_api_context *context, const struct nj_api_options *options,
                  const struct nj_http_server_options *server, struct nj_api **out,
                  struct nj_error *err);
int nj_api_start(struct nj_api *api, struct nj_error *err);
int nj_api_port(const struct nj_api *api);
void nj_api_stop(struct nj_api *api, nj_us deadline_us, void (*done)(void *arg), void *arg);
void nj_api_destroy(struct nj_api *api);

// Load of the machine as it was last gathered, in percent; negative: not known.
struct nj_api_load {
    double cpu, memory;
};
void nj_api_read_load(struct nj_metrics *metrics, struct nj_api_load *out);

// The members of `system_status` and `performance_update`, from the same context.
void nj_api_write_status(const struct nj_api_context *context, struct nj_json_writer *writer);
void nj_api_write_performance(const struct nj_api_context *context, struct nj_json_writer *writer);

#endif
