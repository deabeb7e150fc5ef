// SPDX-License-Identifier: Apache-2.0
// Detectors: an engine, a model and its output decoder behind one call on frames.
#ifndef NJ_DETECT_DETECT_H
#define NJ_DETECT_DETECT_H

#include "config/options.h"
#include "detect/model.h"
#include "frames/frame.h"
#include "health/breaker.h"
#include "loop/thread.h"
#include "util/error.h"
#include "util/log.h"

enum {
    NJ_DETECTIONS_MAX = 300,     // per picture, the surest
    NJ_DETECTION_POINTS_MAX = 4, // landmarks of one thing
    NJ_RECOGNISED_TEXT_SIZE = 128
};

struct nj_detection {
    int32_t class_id;
    float confidence;                         // 0..1
    struct nj_rect box;                       // pixels of the original picture
    int32_t point_count;                      // 0: the network gives no landmarks
    float points[NJ_DETECTION_POINTS_MAX][2]; // x, y in pixels of the original picture; of a plate
                                              // its corners, clockwise from the top left one
};

struct nj_detections {
    struct nj_detection items[NJ_DETECTIONS_MAX];
    size_t count;
    // Of a recogniser (task "recognise"): what is written there, UTF-8; "" nothing, or another
    // task.
    char text[NJ_RECOGNISED_TEXT_SIZE];
    float text_confidence;                  // mean of its characters, 0..1
    nj_us prepare_us, engine_us, decode_us; // of the stages, per picture; 0 where not known
};

enum { // the order of the choices of the option detect.engine
    NJ_ENGINE_ONNX,
    NJ_ENGINE_HTTP,
    NJ_ENGINE_NULL,
    NJ_ENGINE_COUNT
};

struct nj_detect_options {
    int engine;                 // choice: "onnx", "http", "null"
    const char *device;         // "cpu", "cuda:0"
    const char *model;          // manifest path, or a name looked up in models_folder
    const char *models_folder;  // "": the usual places
    const char *engine_library; // ONNX Runtime; "": the usual places
    double threshold;           // DETECTION_CONFIDENCE_THRESHOLD; negative: the model's own
    int64_t threads;            // inference threads; 0: one a core
    int64_t niceness;           // of those threads, 0 to 19
    const char *http_url;       // YOLO26_URL
    const char *http_api_key;   // secret
    nj_us http_connect_us, http_read_us;
    nj_us http_retry_us; // before the second try; doubles up to 30 s
    nj_us http_health_us;
    int64_t http_tries;
    int64_t http_breaker_failures; // in a row; then the breaker opens
    nj_us http_breaker_us;         // until it lets calls through again
    const char *null_script;       // of the null engine: JSON text or a file with it
    struct nj_text_list classes;   // only these are reported; empty: all of the model
};
extern const struct nj_option_group nj_detect_option_group; // group "detect"

struct nj_detector; // shared by threads; the weights are loaded once

struct nj_detector_config {
    const struct nj_detect_options *options;
    const struct nj_clock *clock;
    struct nj_breaker *breaker; // of the http engine; may be NULL for others
    struct nj_log *log;         // one warning on device fall-back; may be NULL
};

// Loads engine and model, checks tensor shapes against the decoder. Errors name file, expected and
// found shapes. The caller owns *out.
int nj_detector_create(const struct nj_detector_config *config, struct nj_detector **out,
                       struct nj_error *err);
void nj_detector_destroy(struct nj_detector *detector);

const struct nj_model *nj_detector_model(const struct nj_detector *detector);
double nj_detector_threshold(const struct nj_detector *detector);
const char *nj_detector_device(const struct nj_detector *detector); // what is really used
const char *nj_detector_class_name(const struct nj_detector *detector, int32_t class_id);

// Per-thread state: session scratch, tensors.
struct nj_detector_thread;
int nj_detector_thread_create(struct nj_detector *detector, struct nj_detector_thread **out,
                              struct nj_error *err);
void nj_detector_thread_destroy(struct nj_detector_thread *thread);

// A thread state out of the detector's own store, made when none is free: for threads that use many
// detectors now and then. Any thread. Given back before the detector is destroyed, which frees
// them.
int nj_detector_thread_borrow(struct nj_detector *detector, struct nj_detector_thread **out,
                              struct nj_error *err);
void nj_detector_thread_give_back(struct nj_detector_thread *thread); // accepts NULL

struct nj_detect_request {
    struct nj_frame *const *frames; // borrowed
    const struct nj_rect *crops;    // one a frame, in original pixels; NULL: whole pictures
    size_t count;                   // 1 .. the model's max_batch
    float threshold;                // 0: the detector's own
    const bool *wanted;             // by class id, class_count of them; NULL: as the detector's
    const struct nj_cancel *cancel; // may be NULL
};

// Runs the model on all frames of the request. out[i] (count of them) are filled in order of
// falling confidence: of a detector after class-wise NMS and suppression in class groups; of a
// classifier the likeliest classes, each with the crop as its box; of a recogniser `text` alone.
int nj_detector_run(struct nj_detector_thread *thread, const struct nj_detect_request *request,
                    struct nj_detections *out, struct nj_error *err);

// Asks whether the engine could work now: GET /health of the http engine, within http_health_us.
// Engines in this process are always ready. NJ_E_UNAVAILABLE, NJ_E_TIMEOUT.
int nj_detector_probe(struct nj_detector_thread *thread, struct nj_error *err);

// The size a picture needs at least so that nothing is lost by decoding it smaller.
void nj_detector_least_size(const struct nj_detector *detector, int32_t *width, int32_t *height);

#endif
