// SPDX-License-Identifier: Apache-2.0
// What the files of the subscriptions share: the registry, feeds (one subscription at work each),
// archives by address, and threads for work that blocks.
#ifndef NJ_PIPELINE_SUBSCRIPTIONS_PRIV_H
#define NJ_PIPELINE_SUBSCRIPTIONS_PRIV_H

#include "loop/loop.h"
#include "pipeline/subscriptions.h"
#include "util/backoff.h"
#include "util/list.h"
#include "util/strmap.h"

#include <stdatomic.h>

enum {
    NJ_FEED_FETCHES = 3,        // archives fetched at once: one slow server stops nobody else
    NJ_FEED_JOBS_MAX = 4096,    // jobs that wait; what finds no room tries again later
    NJ_FEED_JSON_MAX = 1 << 20, // of one cached thing
};

// Which archive is wanted.
struct nj_feed_wish {
    const char *url, *sha256; // sha256 NULL: any
    const struct nj_cancel *cancel;
};

// What a feed stands on; tests bring their own.
struct nj_feed_parts {
    int (*join)(struct nj_streams *streams, const struct nj_stream_request *request,
                struct nj_stream_user **out, struct nj_error *err);
    void (*leave)(struct nj_stream_user *user);
    void (*set_interval)(struct nj_stream_user *user, nj_us interval_us);
    struct nj_frame *(*newest)(struct nj_stream_user *user);
    void (*stream_stats)(const struct nj_stream_user *user, struct nj_source_stats *out);
    // Fetches, unpacks and loads. Blocking.
    int (*load)(const struct nj_subscriptions_config *config, const struct nj_feed_wish *wish,
                struct nj_loaded_pipeline **out, struct nj_error *err);
    struct nj_loaded_pipeline *(*ref)(struct nj_loaded_pipeline *pipeline);
    void (*unref)(struct nj_loaded_pipeline *pipeline);
    const struct nj_archive *(*archive)(const struct nj_loaded_pipeline *pipeline);
    struct nj_detector *(*model)(const struct nj_loaded_pipeline *pipeline, size_t node_index);
    // The first model looked at a picture for so long: for the times of its node.
    void (*note)(struct nj_loaded_pipeline *pipeline, size_t node_index, nj_us took_us);
    int (*submit)(struct nj_scheduler *scheduler, struct nj_detect_job *job);
    int (*run)(struct nj_executor *executor, struct nj_run *run, struct nj_error *err);
    void (*cancel)(struct nj_executor *executor, struct nj_run *run);
};
extern const struct nj_feed_parts nj_feed_parts;

int nj_subscriptions_create_with(const struct nj_subscriptions_config *config,
                                 const struct nj_feed_parts *parts, struct nj_subscriptions **out,
                                 struct nj_error *err);

// subscriptions_jobs.c: threads that fetch archives.
struct nj_feed_jobs;
struct nj_feed_job {                       // caller-owned; valid until `done` has begun
    void (*run)(struct nj_feed_job *job);  // called from: job thread
    void (*done)(struct nj_feed_job *job); // called from: loop thread
    struct nj_call call;
    struct nj_feed_jobs *jobs;
};
int nj_feed_jobs_create(struct nj_loop *loop, struct nj_feed_jobs **out, struct nj_error *err);
void nj_feed_jobs_destroy(struct nj_feed_jobs *jobs); // joins; what waits runs first
int nj_feed_jobs_add(struct nj_feed_jobs *jobs, struct nj_feed_job *job);

// subscriptions_model.c: an archive by address and digest, shared by the feeds that name it.
enum nj_feed_model_state { NJ_FEED_MODEL_LOADING, NJ_FEED_MODEL_READY, NJ_FEED_MODEL_ERROR };
struct nj_feed_model {
    struct nj_subscriptions *registry;
    struct nj_list node;
    size_t users;
    char url[NJ_SUBSCRIPTION_URL_SIZE], sha256[NJ_SHA256_HEX_SIZE];
    enum nj_feed_model_state state;
    struct nj_loaded_pipeline *pipeline;
    struct nj_error error; // of the newest try
    unsigned tries;        // failed, in a row
    nj_us tried_us;        // monotonic
    struct nj_timer retry;
    // The following fields belong to the fetch under way.
    bool fetching;
    struct nj_feed_job job;
    struct nj_cancel cancel;
    int rc;
    struct nj_error fetch_error;
    struct nj_loaded_pipeline *loaded;
};
int nj_feed_model_get(struct nj_subscriptions *registry, const struct nj_subscription_spec *spec,
                      struct nj_feed_model **out, struct nj_error *err);
void nj_feed_model_put(struct nj_feed_model *model); // accepts NULL
void nj_feed_model_ask_again(struct nj_feed_model *model);
// True for causes that may pass.
bool nj_feed_may_pass(int rc);

// One subscription at work.
struct nj_feed {
    struct nj_subscriptions *registry;
    struct nj_list node;
    struct nj_subscription_spec spec;
    char key[NJ_SUBSCRIPTION_ID_SIZE]; // its id, where nothing writes it while threads read it
    char display[NJ_SUBSCRIPTION_ID_SIZE], camera[NJ_SUBSCRIPTION_ID_SIZE];
    uint64_t *owners; // room for max_owners_each
    size_t owner_count;
    struct nj_timer grace;
    bool ended; // nothing refers to it but what is under way; freed after that

    // subscriptions_stream.c
    struct nj_stream_user *user;            // NULL: not joined
    char address[NJ_SUBSCRIPTION_URL_SIZE]; // of the stream, redacted
    struct nj_error stream_error;           // why it could not be joined; code 0: none
    unsigned join_failures;
    struct nj_timer rejoin;
    enum nj_source_state shown_state;
    struct nj_call arrived;
    atomic_bool notified;     // `arrived` is posted
    atomic_bool reset_wanted; // the picture started anew

    struct nj_feed_model *model;

    // subscriptions_track.c; NULL until the model is ready
    struct nj_tracker *tracker;
    struct nj_validator *validator;
    struct nj_track_input *inputs; // NJ_DETECTIONS_MAX
    struct nj_track *shifted;      // as many as tracks: in coordinates of the crop
    size_t shifted_capacity;
    bool *wanted;     // by class; NULL: all
    bool *job_wanted; // of the job under way, when the model changed meanwhile
    float threshold, keep_threshold;
    struct nj_loaded_pipeline *pipeline; // the one that tracker and job belong to
    struct nj_detect_job job;
    struct nj_loaded_pipeline *job_pipeline; // keeps the job's model
    struct nj_call inferred;
    bool inferring, inference_failed;
    uint64_t looked_sequence;
    const struct nj_track *tracks; // of the newest update; borrowed from the tracker
    size_t track_count;
    int64_t last_track; // highest id so far: ids go on with the next tracker
    char problem[160];
    uint64_t frames;

    // subscriptions_run.c
    struct nj_session session;
    struct nj_run run;
    bool running, run_failed;
    int64_t run_track, result_track;
    nj_us run_wall_us;
    struct nj_run_detection known[NJ_RUN_DETECTIONS_MAX];
    uint64_t runs, detections;
};

struct nj_subscriptions {
    struct nj_subscriptions_config config;
    const struct nj_feed_parts *parts;
    struct nj_strmap *by_id;
    struct nj_list feeds;  // in the order they came
    struct nj_list models; // struct nj_feed_model
    struct nj_feed_jobs *fetches;
    struct nj_lru *cache;
    struct nj_timer tick; // sessions
    struct nj_rng rng;
    size_t under_way; // feeds and models that are ended and not free yet
    bool stopping, stop_posted, stop_told;
    struct nj_call stopped;
    void (*stop_done)(void *arg);
    void *stop_arg;
    uint64_t restarts, runs, detections;
    struct nj_metric *metric_subscriptions, *metric_runs, *metric_detections;
};

static inline nj_us nj_feed_now_us(const struct nj_subscriptions *registry)
{
    return nj_mono_us(nj_loop_clock(registry->config.loop));
}

nj_us nj_feed_retry_delay(struct nj_subscriptions *registry, unsigned tries);

// subscriptions.c
void nj_feed_view(const struct nj_feed *feed, struct nj_subscription_view *out);
void nj_feed_tell_state(struct nj_feed *feed, enum nj_subscription_part part);
void nj_feed_tell_failure(struct nj_feed *feed, enum nj_subscription_failure what,
                          const char *text);
// Something under way of a feed that has ended is over: frees it when that was the last.
void nj_feed_settle(struct nj_feed *feed);
void nj_subscriptions_end_if_idle(struct nj_subscriptions *registry);

// subscriptions_check.c
int nj_subscription_check(const struct nj_subscriptions *registry,
                          const struct nj_subscription_spec *spec, struct nj_error *err);
// Which address is played: the url, and whether it is a snapshot's.
const char *nj_subscription_stream_url(const struct nj_subscription_options *options,
                                       const struct nj_subscription_spec *spec, bool *out_snapshot);

// subscriptions_feed.c
int nj_feed_create(struct nj_subscriptions *registry, const struct nj_subscription_spec *spec,
                   struct nj_feed **out, struct nj_error *err);
int nj_feed_change(struct nj_feed *feed, const struct nj_subscription_spec *spec,
                   struct nj_error *err);
void nj_feed_ask_again(struct nj_feed *feed); // what failed for good is tried once more
void nj_feed_end(struct nj_feed *feed);       // leaves everything; freed when it may

// subscriptions_stream.c
void nj_feed_stream_start(struct nj_feed *feed);
void nj_feed_stream_stop(struct nj_feed *feed);
void nj_feed_stream_init(struct nj_feed *feed);
void nj_feed_stream_pace(struct nj_feed *feed);   // its interval is another one
void nj_feed_stream_revive(struct nj_feed *feed); // of one that gave up, by joining it once more
void nj_feed_stream_stats(const struct nj_feed *feed, struct nj_source_stats *out);

// subscriptions_track.c
int nj_feed_attach(struct nj_feed *feed, struct nj_error *err); // the model is ready
void nj_feed_detach(struct nj_feed *feed);
void nj_feed_look(struct nj_feed *feed); // at the newest frame, unless one is being looked at
void nj_feed_reset_tracks(struct nj_feed *feed);
void nj_feed_mark_car(struct nj_feed *feed, int64_t track_id);
// False: it lies outside of the picture.
bool nj_feed_crop(const struct nj_subscription_spec *spec, const struct nj_frame *frame,
                  struct nj_rect *out);

// subscriptions_run.c
void nj_feed_start_run(struct nj_feed *feed, const struct nj_detect_job *job, int64_t track_id);
void nj_feed_cancel_run(struct nj_feed *feed);
void nj_feed_tick_session(struct nj_feed *feed);

// subscriptions_cache.c
void nj_feed_cache_tracks(struct nj_feed *feed, const struct nj_frame *frame,
                          const struct nj_validator_result *results, size_t count);
void nj_feed_cache_result(struct nj_feed *feed, const struct nj_subscription_result *result,
                          nj_us took_us);
void nj_feed_cache_session(struct nj_feed *feed);
void nj_feed_write_detections(const struct nj_run_result *result, struct nj_buf *out);

#endif
