// SPDX-License-Identifier: Apache-2.0
// A closed batch becomes an event: consumer of analysis_queue. The event, the batch's state and the
// queue entry change in one transaction, so that a batch has one event whatever crashes.
#ifndef NJ_ANALYSIS_ANALYSIS_H
#define NJ_ANALYSIS_ANALYSIS_H

#include "analysis/severity.h"
#include "bus/bus.h"
#include "health/breaker.h"
#include "health/latency.h"
#include "jobs/work_queue.h"
#include "storage/store_batches.h"
#include "util/timezone.h"

enum { // the order of the choices of the option analysis.analyser
    NJ_ANALYSER_RULES,
    NJ_ANALYSER_LLM
};

struct nj_analysis_options {
    int analyser;        // choice: "rules", "llm"
    const char *llm_url; // NEMOTRON_URL; base address
    int llm_protocol;    // choice: "completion" (llama.cpp), "chat" (OpenAI)
    const char *llm_model;
    const char *llm_api_key; // secret
    nj_us llm_connect_us, llm_read_us;
    int64_t llm_tries, llm_context_tokens, llm_output_tokens, llm_threads;
    int64_t llm_breaker_failures; // in a row; then the breaker opens
    nj_us llm_breaker_us;         // until it lets calls through again
    const char *timezone;         // "": the machine's
};
extern const struct nj_option_group nj_analysis_option_group; // group "analysis"

struct nj_analysis_config {
    struct nj_analysis_options options; // texts borrowed from the configuration snapshot
    struct nj_severity_options severity;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_work_queue *queue; // analysis_queue
    struct nj_bus *bus;
    struct nj_metrics *metrics;
    struct nj_latency *latency;
    struct nj_breaker *breaker; // "llm"
    struct nj_log *log;
};

struct nj_analysis; // loop thread only

// The caller owns *out. NJ_E_NOT_FOUND or NJ_E_CORRUPT for the zone, NJ_E_INVALID for the address
// or the budget of the model, NJ_E_NOMEM.
int nj_analysis_create(const struct nj_analysis_config *config, struct nj_analysis **out,
                       struct nj_error *err);
int nj_analysis_start(struct nj_analysis *analysis, struct nj_error *err);
// No new claims; a model that is being asked is left alone and the threads are joined, so that all
// batches under way come back to the loop thread: nj_analysis_idle says when. They come again after
// the next start of the program. It does not start again. Accepts NULL.
void nj_analysis_stop(struct nj_analysis *analysis);
bool nj_analysis_idle(const struct nj_analysis *analysis);
// Stopped and idle before. Accepts NULL.
void nj_analysis_destroy(struct nj_analysis *analysis);
// Reload: for batches that are claimed from now on.
void nj_analysis_set_severity(struct nj_analysis *analysis,
                              const struct nj_severity_options *severity);

// The payload of analysis_queue: {"batch_id","camera_id","detection_ids":[..],"timestamp",
// "pipeline_start_time","reason"}; fast path: batch_id "fast_path_<detection id>".

#endif
