// SPDX-License-Identifier: Apache-2.0
// The reference of perception: the straightforward way from a video to detections, written without
// the product's decoding, scaling, colour, output decoder and suppression. Only the network is run
// by the same engine.
#ifndef NJ_BENCH_PERCEPTION_PLAIN_H
#define NJ_BENCH_PERCEPTION_PLAIN_H

#include "detect/detect.h"
#include "track/mot.h"

struct plain_setting {
    const char *video;
    int32_t width, height;        // of the video
    int32_t frames_max;           // stop after so many; 0: all
    const struct nj_model *model; // of the YOLOX family
    const struct nj_detect_options *options;
    double threshold;
};

// Persons (class 0) of every frame as rows of a MOT file: frames and pixels count from 1. Frames
// come from the program ffmpeg as packed RGB. Free *out with nj_mot_free.
int plain_detect(const struct plain_setting *setting, struct nj_mot_table *out,
                 struct nj_error *err);

#endif
