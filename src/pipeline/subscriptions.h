// SPDX-License-Identifier: Apache-2.0
// The worker's subscriptions: which display looks at which stream with which archive. Knows no
// socket: owners are numbers, results go to a sink. Loop thread only.
#ifndef NJ_PIPELINE_SUBSCRIPTIONS_H
#define NJ_PIPELINE_SUBSCRIPTIONS_H

#include "pipeline/executor.h"
#include "pipeline/session.h"
#include "sources/streams.h"
#include "track/validator.h"

struct nj_subscription_options {
    int64_t max_subscriptions;
    int64_t max_owners_each;       // connections that hold one subscription
    nj_us grace_us;                // a subscription whose last owner went away stays for this long
    double fps;                    // frames a second that are tracked
    nj_us reconnect_us;            // of its streams
    int64_t max_retries;           // of its streams; -1: for ever
    int prefer;                    // choice: "rtsp", "snapshot" when both addresses are given
    struct nj_address_rules rules; // of stream addresses
    int64_t cache_bytes;           // of newest detections, results and sessions together
    nj_us cache_expire_us;
};
extern const struct nj_option_group nj_subscription_option_group; // group "worker"

enum { NJ_SUBSCRIPTION_ID_SIZE = 160, NJ_SUBSCRIPTION_URL_SIZE = 2048, NJ_MODEL_TITLE_SIZE = 128 };

// What a client asked for; every text is checked and bounded by the caller of set.
struct nj_subscription_spec {
    char id[NJ_SUBSCRIPTION_ID_SIZE]; // "display;camera"
    char rtsp_url[NJ_SUBSCRIPTION_URL_SIZE], snapshot_url[NJ_SUBSCRIPTION_URL_SIZE]; // "" none
    nj_us snapshot_interval_us;
    char model_url[NJ_SUBSCRIPTION_URL_SIZE], model_sha256[65];
    char model_name[NJ_MODEL_TITLE_SIZE];
    int64_t model_id;
    bool has_crop;
    int32_t crop[4]; // x1 y1 x2 y2
};

struct nj_subscription_view { // borrowed during the call
    const struct nj_subscription_spec *spec;
    const char *stream_address; // redacted
    struct nj_source_stats stream;
    bool online;             // frames are coming
    const char *model_state; // "loading", "ready", "error"
    const char *model_error; // "" none
    const struct nj_session *session;
    const struct nj_loaded_pipeline *pipeline; // NULL until ready
    const char *newest_result;                 // JSON of the newest imageDetection; NULL none
    uint64_t frames, runs;
    size_t owners;
};

// What is told. Called from: loop thread.
struct nj_subscription_sink {
    // A result of `id`: `detection` is a JSON object, or "null" for a car that left.
    void (*detected)(void *context, const struct nj_subscription_view *view, const char *detection,
                     nj_us wall_us);
    void (*state)(void *context,
                  const struct nj_subscription_view *view); // stream or model changed
    void *context;
};

struct nj_subscriptions_config {
    const struct nj_subscription_options *options;
    const struct nj_session_options *session;
    const struct nj_validator_options *validator;
    const struct nj_track_options *track;
    struct nj_loop *loop;
    struct nj_streams *streams;
    struct nj_archive_store *archives;
    struct nj_model_cache *models;
    struct nj_scheduler *scheduler;
    struct nj_executor *executor;
    struct nj_subscription_sink sink;
    struct nj_metrics *metrics;
    struct nj_log *log;
};

struct nj_subscriptions;

int nj_subscriptions_create(const struct nj_subscriptions_config *config,
                            struct nj_subscriptions **out, struct nj_error *err);
// Ends all; `done` when nothing is under way any more.
void nj_subscriptions_stop(struct nj_subscriptions *subscriptions, void (*done)(void *arg),
                           void *arg);
void nj_subscriptions_destroy(struct nj_subscriptions *subscriptions);

// An owner is a connection. Adding what is there already with the same spec only counts the owner;
// with another spec the subscription is changed (its stream restarts only when its address did).
// NJ_E_INVALID, NJ_E_DENIED, NJ_E_FULL. An archive that cannot be had is told later by `state`.
int nj_subscriptions_add(struct nj_subscriptions *subscriptions, uint64_t owner,
                         const struct nj_subscription_spec *spec, struct nj_error *err);
// NJ_E_NOT_FOUND when this owner does not hold it.
int nj_subscriptions_remove(struct nj_subscriptions *subscriptions, uint64_t owner, const char *id,
                            struct nj_error *err);
// The whole list of this owner: adds, changes, removes; what is unchanged stays untouched. All or
// nothing as to refusals: the error names index and member.
int nj_subscriptions_set(struct nj_subscriptions *subscriptions, uint64_t owner,
                         const struct nj_subscription_spec *specs, size_t count,
                         struct nj_error *err);
// The connection went away: its subscriptions stay for the grace period.
void nj_subscriptions_owner_gone(struct nj_subscriptions *subscriptions, uint64_t owner);
bool nj_subscriptions_owns(const struct nj_subscriptions *subscriptions, uint64_t owner,
                           const char *id);

// Every subscription of the display. NJ_E_NOT_FOUND: it has none.
int nj_subscriptions_set_session(struct nj_subscriptions *subscriptions, const char *display,
                                 const char *session_id, bool is_number, struct nj_error *err);
int nj_subscriptions_set_stage(struct nj_subscriptions *subscriptions, const char *display,
                               const char *stage, struct nj_error *err);

void nj_subscriptions_each(struct nj_subscriptions *subscriptions,
                           void (*see)(const struct nj_subscription_view *view, void *arg),
                           void *arg);
// Newest frame of "display;camera", or of the first subscription with that camera: the caller's
// reference, NULL when there is none yet. NJ_E_NOT_FOUND: unknown.
int nj_subscriptions_frame(struct nj_subscriptions *subscriptions, const char *id,
                           struct nj_frame **out, struct nj_rect *out_crop);

struct nj_subscription_stats {
    size_t subscriptions, online, models_ready, models_failed;
    uint64_t detections, runs, restarts; // restarts: streams stopped and started by a change
    int64_t cache_bytes;
    uint64_t cache_hits, cache_misses, cache_evictions;
};
void nj_subscriptions_get_stats(struct nj_subscriptions *subscriptions,
                                struct nj_subscription_stats *out);

#endif
