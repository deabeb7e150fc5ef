// SPDX-License-Identifier: Apache-2.0
// Output decoders: from a network's raw values to candidate boxes in tensor pixels.
#ifndef NJ_DETECT_DECODER_PRIV_H
#define NJ_DETECT_DECODER_PRIV_H

#include "detect/engine_driver.h"

enum { NJ_CANDIDATES_MAX = 1024 }; // before suppression; more are the surest of them

struct nj_candidate {
    float x0, y0, x1, y1; // tensor pixels
    float score;          // 0..1
    int32_t class_id;
    int32_t row; // where its landmarks are; 0 without
};

// A min-heap by score while it is filled, so that a flood of boxes keeps the surest in bounded
// time.
struct nj_candidates {
    struct nj_candidate items[NJ_CANDIDATES_MAX];
    size_t count;
};

// Refuses what is no box: not finite, empty, without a score above zero. Scores above 1 become 1.
void nj_candidates_add(struct nj_candidates *candidates, struct nj_candidate candidate);

// What `check` found out and `decode` needs.
struct nj_decoder_layout {
    size_t boxes, scores;         // indices of the outputs; equal where one output holds both
    int32_t rows, columns;        // of that output; CenterNet: grid height and width
    int32_t width, height;        // of the network's input
    int32_t class_count;          // of the network
    const struct nj_model *model; // of "classes", "ctc" and landmarks
};

struct nj_decoder {
    const char *name;
    enum nj_model_task task;
    bool suppressed; // the network suppresses doubles itself: no class-wise NMS
    // Checks the shapes of the outputs. The error names file, expected and found shapes.
    int (*check)(const struct nj_model *model, const struct nj_engine_info *info,
                 struct nj_decoder_layout *out, struct nj_error *err);
    // Adds every box with score >= threshold. Any values are survived: NaN and infinity are no
    // boxes.
    void (*decode)(const struct nj_decoder_layout *layout, const float *const *outputs,
                   float threshold, struct nj_candidates *out);
    // Of networks with landmarks: those of a candidate, in the model's order, in tensor pixels.
    // False when they are no numbers. NULL: there are none.
    bool (*find_points)(const struct nj_decoder_layout *layout, const float *const *outputs,
                        const struct nj_candidate *candidate, float out[NJ_MODEL_POINTS][2]);
    // Of recognisers, instead of `decode`: sets text and text_confidence from `steps` rows.
    void (*read)(const struct nj_decoder_layout *layout, const float *values, int32_t steps,
                 struct nj_detections *out);
};

extern const struct nj_decoder nj_decoder_yolox;
extern const struct nj_decoder nj_decoder_centernet;
extern const struct nj_decoder nj_decoder_yolov5;
extern const struct nj_decoder nj_decoder_yolov8;
extern const struct nj_decoder nj_decoder_end_to_end;
extern const struct nj_decoder nj_decoder_yolov5_points;
extern const struct nj_decoder nj_decoder_classes;
extern const struct nj_decoder nj_decoder_ctc;
extern const struct nj_decoder *const nj_decoders[NJ_DECODER_COUNT]; // by enum nj_model_decoder

// "[1, 3549, 85]", a varying dimension as "?".
enum { NJ_SHAPE_TEXT_SIZE = 128 };
void nj_shape_text(const struct nj_engine_shape *shape, char out[NJ_SHAPE_TEXT_SIZE]);

// True when `shape` is [batch, a, b], where -1 stands for any size above zero.
bool nj_shape_is_3(const struct nj_engine_shape *shape, int64_t a, int64_t b);

// Replaces values by probabilities; what is not finite counts for nothing.
void nj_decoder_softmax(const float *values, size_t count, float *out);

// Fills the error of a wrong output. `expected` in the form of nj_shape_text.
int nj_decoder_refuse(const struct nj_model *model, const struct nj_engine_info *info,
                      const char *expected, struct nj_error *err);

#endif
