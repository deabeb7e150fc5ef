// SPDX-License-Identifier: Apache-2.0
// The worker's subscriptions: which display looks at which stream with which archive. Knows no
// socket: owners are numbers, results go to a sink. Loop thread only.
#ifndef NJ_PIPELINE_SUBSCRIPTIONS_H
#define NJ_PIPELINE_SUBSCRIPTIONS_H

#include "pipeline/executor.h"
#include "pipeline/session.h"
#include "sources/streams.h"
#include "track/validator.h"
#include "util/lru.h"

enum nj_stream_preference { NJ_PREFER_RTSP, NJ_PREFER_SNAPSHOT };

struct nj_subscription_options {
    int64_t max_subscriptions;
    int64_t max_owners_each;    // connections that hold one subscription
    nj_us grace_us;             // a subscription whose last owner went away stays for this long
    double fps;                 // frames a second that are tracked
    nj_us frame_deadline_us;    // a frame that waited longer for inference is dropped
    nj_us reconnect_us;         // of its streams, as those below
    nj_us snapshot_interval_us; // where a subscription says none
    bool tls_verify;
    int64_t max_retries; // of its streams; -1: for ever
    bool keyframes_when_still;
    int prefer;                    // enum nj_stream_preference, when both addresses are given
    struct nj_address_rules rules; // of stream addresses
    nj_us retry_us, retry_max_us;  // of an archive or a stream that could not be had
    int64_t cache_bytes;           // of newest detections, results and sessions together
    nj_us cache_expire_us;
};
extern const struct nj_option_group nj_subscription_option_group; // group "worker"

enum { NJ_SUBSCRIPTION_ID_SIZE = 160, NJ_SUBSCRIPTION_URL_SIZE = 2048, NJ_MODEL_TITLE_SIZE = 128 };

// What a client asked for. Texts are cut to size by the caller; what they say is checked by add and
// set.
struct nj_subscription_spec {
    char id[NJ_SUBSCRIPTION_ID_SIZE]; // "display;camera"
    char rtsp_url[NJ_SUBSCRIPTION_URL_SIZE], snapshot_url[NJ_SUBSCRIPTION_URL_SIZE]; // "" none
    nj_us snapshot_interval_us; // 0: as the options say
    char model_url[NJ_SUBSCRIPTION_URL_SIZE], model_sha256[65];
    char model_name[NJ_MODEL_TITLE_SIZE];
    int64_t model_id;
    bool has_crop;
    int32_t crop[4]; // x1 y1 x2 y2
};

struct nj_subscription_view { // borrowed during the call
    const struct nj_subscription_spec *spec;
    const char *display, *camera;  // of the id
    const char *stream_address;    // redacted
    struct nj_source_stats stream; // also when it could not be joined: state and reason
    bool online;                   // frames are coming
    const char *model_state;       // "loading", "ready", "error"
    const char *model_error;       // "" none
    int model_rc;                  // of model_error: enum nj_error_code; 0 none
    const char *problem;           // what keeps frames from being looked at; "" nothing
    const struct nj_session *session;
    const struct nj_loaded_pipeline *pipeline; // NULL until ready
    int64_t result_track;                      // of the newest result; 0 none
    uint64_t frames, runs, detections;
    size_t owners;
};

struct nj_subscription_result {
    const char *detection;      // JSON object as on the wire; "null": the car left before its time
    const char *detections;     // JSON array: class, confidence, bbox, track_id
    const char *branch_results; // JSON object: modelId -> result
    nj_us wall_us;              // of the picture
};

enum nj_subscription_failure {
    NJ_FAILURE_INFERENCE, // a picture could not be looked at
    NJ_FAILURE_PIPELINE,  // a run ended with an error
    NJ_FAILURE_BRANCH     // one of its branches did
};

enum nj_subscription_part { NJ_PART_STREAM, NJ_PART_MODEL, NJ_PART_CROP };

// What is told. Called from: loop thread.
struct nj_subscription_sink {
    void (*detected)(void *context, const struct nj_subscription_view *view,
                     const struct nj_subscription_result *result);
    // This part of it changed its state.
    void (*state)(void *context, const struct nj_subscription_view *view,
                  enum nj_subscription_part part);
    // Told when it begins, not again while it lasts.
    void (*failed)(void *context, const struct nj_subscription_view *view,
                   enum nj_subscription_failure what, const char *text);
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
    struct nj_metrics *metrics; // may be NULL
    struct nj_log *log;
};

struct nj_subscriptions;

int nj_subscriptions_create(const struct nj_subscriptions_config *config,
                            struct nj_subscriptions **out, struct nj_error *err);
// Ends all; `done` when nothing is under way any more. The sink is not called any more.
void nj_subscriptions_stop(struct nj_subscriptions *subscriptions, void (*done)(void *arg),
                           void *arg);
// Waits for what is under way (fetching is cancelled). Scheduler and executor still answer, or have
// ended all they had. Accepts NULL.
void nj_subscriptions_destroy(struct nj_subscriptions *subscriptions);

// An owner is a connection. Adding what is there already with the same spec only counts the owner;
// with another spec the subscription is changed (its stream restarts only when its address did).
// NJ_E_INVALID and NJ_E_DENIED name the member, NJ_E_FULL, NJ_E_CANCELLED after stop. A stream or
// an archive that cannot be had is told later by `state`; asking again tries it again.
int nj_subscriptions_add(struct nj_subscriptions *subscriptions, uint64_t owner,
                         const struct nj_subscription_spec *spec, struct nj_error *err);
// NJ_E_NOT_FOUND when this owner does not hold it, and nobody does.
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

// Every subscription of the display, also those that come later. NJ_E_NOT_FOUND: it has none.
int nj_subscriptions_set_session(struct nj_subscriptions *subscriptions, const char *display,
                                 const char *session_id, bool is_number, struct nj_error *err);
int nj_subscriptions_set_stage(struct nj_subscriptions *subscriptions, const char *display,
                               const char *stage, struct nj_error *err);
// Merges a JSON object into what is known of the session (RFC 7396: null deletes, arrays replace).
// NJ_E_INVALID: no object; NJ_E_TOO_BIG.
int nj_subscriptions_patch_session(struct nj_subscriptions *subscriptions, const char *session_id,
                                   const char *patch, struct nj_error *err);

void nj_subscriptions_each(struct nj_subscriptions *subscriptions,
                           void (*see)(const struct nj_subscription_view *view, void *arg),
                           void *arg);
// Newest frame of "display;camera", or of the first subscription with that camera: the caller's
// reference, NULL when there is none yet; crop with w 0: the whole picture. NJ_E_NOT_FOUND.
int nj_subscriptions_frame(struct nj_subscriptions *subscriptions, const char *id,
                           struct nj_frame **out, struct nj_rect *out_crop);

enum nj_subscription_memory {
    NJ_NEWEST_DETECTIONS, // key: subscription; {"sequence","width",...,"tracks":[...]}
    NJ_NEWEST_RESULT,     // key: subscription; {"timestamp","detection","branch_results",...}
    NJ_SESSION_DATA       // key: session id; the object that was patched together
};
// JSON from the cache; NULL when there is none or it has gone. Borrowed until the next call.
const char *nj_subscriptions_recall(struct nj_subscriptions *subscriptions,
                                    enum nj_subscription_memory which, const char *key);

struct nj_subscription_stats {
    size_t subscriptions, online, models_ready, models_failed;
    uint64_t detections, runs, restarts; // restarts: streams stopped and started by a change
    struct nj_lru_stats cache;
};
void nj_subscriptions_get_stats(struct nj_subscriptions *subscriptions,
                                struct nj_subscription_stats *out);

#endif
