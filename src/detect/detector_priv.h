// SPDX-License-Identifier: Apache-2.0
// What a detector and the state of one of its threads are made of.
#ifndef NJ_DETECT_DETECTOR_PRIV_H
#define NJ_DETECT_DETECTOR_PRIV_H

#include "detect/decoder_priv.h"
#include "detect/engine_driver.h"

struct nj_detector {
    const struct nj_engine_driver *driver;
    void *engine;
    struct nj_model model;
    struct nj_decoder_layout layout; // zeroed for engines that answer with detections
    const struct nj_clock *clock;
    double threshold;
    bool *wanted; // by class id; NULL: all
    pthread_mutex_t mutex;
    struct nj_detector_thread *idle; // protected by the mutex: states to be borrowed
};

struct nj_detector_thread {
    struct nj_detector *detector;
    struct nj_detector_thread *next; // in the detector's store
    void *engine_thread;
    struct nj_tensor_map *maps; // max_batch
    size_t output_strides[NJ_ENGINE_OUTPUTS_MAX];
    size_t output_count;
    struct nj_candidates candidates;
};

#endif
