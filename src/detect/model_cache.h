// SPDX-License-Identifier: Apache-2.0
// Loaded models, shared: one copy of the weights however many pipelines use them. Keyed by the
// content of weights and manifest; counted; the unused go, least recently used first, when the
// memory budget is needed.
#ifndef NJ_DETECT_MODEL_CACHE_H
#define NJ_DETECT_MODEL_CACHE_H

#include "detect/detect.h"
#include "health/metrics.h"

struct nj_model_cache_options {
    int64_t budget_bytes; // of all loaded models together; in use they may exceed it
};
extern const struct nj_option_group nj_model_cache_option_group; // group "model_cache"

struct nj_model_cache_config {
    const struct nj_model_cache_options *options;
    const struct nj_detect_options *detect; // engine, device and library of every model
    const struct nj_clock *clock;
    struct nj_metrics *metrics; // model_cache_*; may be NULL
    struct nj_log *log;         // may be NULL
};

struct nj_model_cache; // explicitly thread-safe

int nj_model_cache_create(const struct nj_model_cache_config *config, struct nj_model_cache **out,
                          struct nj_error *err);
// No reference is left. Frees all models before it returns. Accepts NULL.
void nj_model_cache_destroy(struct nj_model_cache *cache);

// The detector for the manifest (its weights beside it). Loads it unless it is there; of several
// callers at once for the same content one loads and the others wait. Blocking: not on the loop
// thread. Errors of nj_model_load and nj_detector_create; NJ_E_INVALID also for weights that do not
// lie beside the manifest; NJ_E_TIMEOUT: somebody else's load takes longer than two minutes. *out:
// one reference, given back by put.
int nj_model_cache_get(struct nj_model_cache *cache, const char *manifest_path,
                       struct nj_detector **out, struct nj_error *err);
// Any thread, the loop's as well: waits for nothing. What is over the budget a thread of the cache
// frees. Accepts NULL.
void nj_model_cache_put(struct nj_model_cache *cache, struct nj_detector *detector);

struct nj_model_cache_stats {
    int64_t models, in_use, bytes, budget_bytes;
    uint64_t hits, loads, failed, evicted;
};
void nj_model_cache_get_stats(struct nj_model_cache *cache, struct nj_model_cache_stats *out);

#endif
