// SPDX-License-Identifier: Apache-2.0
// For those who write inference engines: the descriptor every engine is, and the array they are in.
#ifndef NJ_DETECT_ENGINE_DRIVER_H
#define NJ_DETECT_ENGINE_DRIVER_H

#include "detect/detect.h"

enum {
    NJ_ENGINE_OUTPUTS_MAX = 8, // NanoDet, the widest family known, has 6
    NJ_ENGINE_RANK_MAX = 6,
};

struct nj_engine_shape {
    int64_t dims[NJ_ENGINE_RANK_MAX]; // -1: varies (only the batch axis may, after creation)
    size_t rank;
};

// What a loaded network takes and gives; all float32.
struct nj_engine_info {
    struct nj_engine_shape input;
    struct nj_engine_shape outputs[NJ_ENGINE_OUTPUTS_MAX];
    size_t output_count;
};

// Borrowed for the time of `create`, except clock, breaker and log, which outlive the engine.
struct nj_engine_config {
    const struct nj_detect_options *options;
    const struct nj_model *model; // outlives the engine
    const struct nj_clock *clock;
    struct nj_breaker *breaker;
    struct nj_log *log;
};

// An engine is shared by threads; a thread state belongs to one thread. There are two kinds: those
// that run a network (`describe`, `input` and `run`) and those that answer with detections
// themselves (`detect`). What a kind does not have is NULL.
struct nj_engine_driver {
    const char *name;
    int (*create)(const struct nj_engine_config *config, void **out, struct nj_error *err);
    void (*destroy)(void *engine); // accepts NULL
    const char *(*device)(const void *engine);
    int (*thread_create)(void *engine, void **out, struct nj_error *err);
    void (*thread_destroy)(void *thread); // accepts NULL

    void (*describe)(const void *engine, struct nj_engine_info *out);
    // Where picture `index` (< max_batch) of the next run is to be put.
    float *(*input)(void *thread, size_t index);
    // Runs on the first `count` pictures. out[k] is the values of output k for all of them, valid
    // until the next run.
    int (*run)(void *thread, size_t count, const float *out[NJ_ENGINE_OUTPUTS_MAX],
               struct nj_error *err);

    // Of a model whose width varies: the width of the next run's picture, in its range. NULL: the
    // engine has no such models.
    int (*set_width)(void *thread, int32_t width_px, struct nj_error *err);
    // Of such a model: the second dimension of the first output after a run.
    int32_t (*rows)(const void *thread);

    // Of an engine elsewhere that does not say which network it runs: what stands for it where
    // detect.model names none. The first known manifest lends its classes then, and nothing else.
    const char *model_name;
    double threshold, fast_path_threshold;

    // Looks at picture `index` of the request. Boxes in original pixels, unsorted, at most
    // NJ_DETECTIONS_MAX; the caller filters and sorts.
    int (*detect)(void *thread, const struct nj_detect_request *request, size_t index,
                  struct nj_detections *out, struct nj_error *err);
    // Asks whether the engine could work now. NULL: always.
    int (*probe)(void *thread, struct nj_error *err);
};

extern const struct nj_engine_driver nj_engine_onnx;
extern const struct nj_engine_driver nj_engine_http;
extern const struct nj_engine_driver nj_engine_null;
extern const struct nj_engine_driver *const nj_engine_drivers[NJ_ENGINE_COUNT];

#endif
