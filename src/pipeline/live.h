// SPDX-License-Identifier: Apache-2.0
// The way of a live picture: motion gate, detect, track, stability, one row per track with its best
// picture. At most one inference under way per source; the newest frame wins.
#ifndef NJ_PIPELINE_LIVE_H
#define NJ_PIPELINE_LIVE_H

#include "bus/bus.h"
#include "detect/scheduler.h"
#include "frames/motion.h"
#include "health/latency.h"
#include "health/metrics.h"
#include "pipeline/sink.h"
#include "sources/streams.h"
#include "storage/media.h"
#include "track/stability.h"
#include "track/track.h"

struct nj_live_options {
    double new_track_margin; // a track begins from detections this much above the threshold
    nj_us frame_deadline_us; // a frame that waited longer for inference is dropped
    int64_t picture_quality; // JPEG 1..100 of our own pictures
};
extern const struct nj_option_group nj_live_option_group; // group "live"

// The tracker's thresholds follow the detector, because each model has scores of its own: `track`
// with new, high and low scores set for `threshold`.
void nj_live_track_options(const struct nj_track_options *track, const struct nj_live_options *live,
                           double threshold, struct nj_track_options *out);

struct nj_live_config {
    const struct nj_live_options *options;
    const struct nj_source_entry *entry;  // outlives the pipeline
    const struct nj_address_rules *rules; // of its address
    struct nj_streams *streams;
    const struct nj_motion_options *motion;
    const struct nj_track_options *track;
    const struct nj_stability_options *stability;
    const struct nj_clock *clock;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_scheduler *scheduler;
    struct nj_detector *detector;
    struct nj_detection_sink sink;
    struct nj_media *media;
    struct nj_bus *bus;
    struct nj_metrics *metrics;
    struct nj_latency *latency; // may be NULL
    struct nj_log *log;
    int64_t last_track; // highest track id the camera ever had; its row is there already
    // After a stop nothing is under way any more. Called from: any thread, which holds the
    // pipeline's lock: posts a call, no more. May be NULL.
    void (*rested)(void *context);
    void *rested_context;
};

struct nj_live_pipeline;

int nj_live_pipeline_create(const struct nj_live_config *config, struct nj_live_pipeline **out,
                            struct nj_error *err);
// Joins the entry's stream, unless the entry is paused. Loop thread. NJ_E_INVALID, NJ_E_FULL.
int nj_live_pipeline_start(struct nj_live_pipeline *pipeline, struct nj_error *err);
void nj_live_pipeline_stop(struct nj_live_pipeline *pipeline); // loop thread; no frame comes after
bool nj_live_pipeline_idle(struct nj_live_pipeline *pipeline); // nothing under way
void nj_live_pipeline_destroy(struct nj_live_pipeline *pipeline);

enum { NJ_LIVE_TRACKS_MAX = 64 };
struct nj_live_view {       // the newest inferred frame and what was on it
    struct nj_frame *frame; // the caller's reference; NULL: none yet
    struct nj_track tracks[NJ_LIVE_TRACKS_MAX];
    size_t track_count;
};
void nj_live_pipeline_view(struct nj_live_pipeline *pipeline,
                           struct nj_live_view *out); // any thread

struct nj_live_stats {
    struct nj_source_stats source;
    uint64_t inferred, skipped_still, dropped, rows, updates;
};
void nj_live_pipeline_get_stats(struct nj_live_pipeline *pipeline,
                                struct nj_live_stats *out); // loop thread

#endif
