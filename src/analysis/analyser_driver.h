// SPDX-License-Identifier: Apache-2.0
// For those who write analysers: a closed batch with its surroundings in, a finding out.
#ifndef NJ_ANALYSIS_ANALYSER_DRIVER_H
#define NJ_ANALYSIS_ANALYSER_DRIVER_H

#include "loop/thread.h"
#include "storage/store_events.h"
#include "util/timezone.h"

struct nj_analysis_context {
    struct nj_batch_row batch;
    char camera_name[NJ_CAMERA_NAME_SIZE];
    const struct nj_detection_row *detections; // oldest first
    size_t detection_count;
    int64_t recent_events;      // of this camera in the hour before, to NJ_EVENTS_RECENT_MAX
    struct nj_local_time local; // of the batch's start
    bool fast_path;
};

struct nj_finding {
    int risk_score; // 0..100
    char summary[NJ_EVENT_SUMMARY_SIZE];
    char reasoning[NJ_EVENT_TEXT_SIZE];
    char breakdown[NJ_EVENT_BREAKDOWN_SIZE]; // JSON array of {"what","points"}; "[]" when there is
                                             // none
    const char *analyser;                    // static: who made it
};

struct nj_analyser_driver {
    const char *name; // "rules", "llm", "null"
    bool blocking;    // waits for others: runs on an analysis thread instead of the loop
    int (*create)(const void *options, const struct nj_clock *clock, void **out,
                  struct nj_error *err);
    void (*destroy)(void *analyser);
    // NJ_E_UNAVAILABLE, NJ_E_TIMEOUT: the service is away (the rules answer and say so).
    int (*analyse)(void *analyser, const struct nj_analysis_context *context,
                   const struct nj_cancel *cancel, struct nj_finding *out, struct nj_error *err);
};

#endif
