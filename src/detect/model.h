// SPDX-License-Identifier: Apache-2.0
// Model manifests: what a network expects and means, in one small JSON file beside its weights.
#ifndef NJ_DETECT_MODEL_H
#define NJ_DETECT_MODEL_H

#include "frames/tensor.h"
#include "util/digest.h"
#include "util/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    NJ_MODEL_NAME_SIZE = 64,
    NJ_MODEL_CLASS_SIZE = 64, // of a class name
    NJ_MODEL_CLASSES_MAX = 1024,
    NJ_MODEL_LABEL_SIZE = 8,         // of what a recogniser reads at once: a character, UTF-8
    NJ_MODEL_ALPHABET_MAX = 1 << 15, // the largest known has 6623
    NJ_MODEL_POINTS = 4,             // landmarks of one thing
    NJ_MODEL_PATH_SIZE = 4096,
    NJ_MODEL_BATCH_MAX = 64
};

enum nj_model_decoder {
    NJ_DECODER_YOLOX,         // [1, cells, 5 + classes], grid offsets, strides 8 16 32
    NJ_DECODER_CENTERNET,     // heat map + sizes, 3x3 peaks
    NJ_DECODER_YOLOV5,        // [1, rows, 5 + classes], decoded boxes
    NJ_DECODER_YOLOV8,        // [1, 4 + classes, rows], transposed, no objectness
    NJ_DECODER_END_TO_END,    // [1, rows, 6]: x0 y0 x1 y1 score class, no NMS
    NJ_DECODER_YOLOV5_POINTS, // [1, rows, 13 + classes], four landmarks after the objectness
    NJ_DECODER_CLASSES,       // [1, offset + classes], of the whole picture
    NJ_DECODER_CTC,           // [1, steps, blank + alphabet + space], characters in a row
    NJ_DECODER_COUNT
};

// What a network is for; follows from its decoder.
enum nj_model_task {
    NJ_TASK_DETECT,    // boxes of things
    NJ_TASK_CLASSIFY,  // what the picture shows
    NJ_TASK_RECOGNISE, // what is written there
    NJ_TASK_COUNT
};

struct nj_model {
    char name[NJ_MODEL_NAME_SIZE];
    char weights_path[NJ_MODEL_PATH_SIZE];
    char weights_sha256[NJ_SHA256_HEX_SIZE]; // "" unchecked (a user's own model)
    enum nj_model_decoder decoder;
    enum nj_model_task task;
    struct nj_tensor_spec input;
    int32_t max_batch;          // 1 .. NJ_MODEL_BATCH_MAX; 1: the graph's batch axis is fixed
    double threshold;           // default for reporting, 0..1
    double fast_path_threshold; // default confidence of the fast path, 0..1
    double nms_iou;             // two boxes of one class that overlap more are one thing
    double group_iou;           // the same for different classes of one group
    bool softmax;               // the network gives logits; of "classes" and "ctc"
    // Of "classes" and detectors: what is reported. Of a recogniser none.
    int32_t class_count;
    char (*class_names)[NJ_MODEL_CLASS_SIZE]; // malloc'd
    // malloc'd: equal numbers may be the same thing (car, truck, bus); 0: alone
    int32_t *class_groups;
    // Of a label map, malloc'd: the reported class of each of the network's classes, -1: none;
    // NULL: they are the same.
    int32_t *class_map;
    int32_t network_class_count; // class_count without a map
    int32_t label_offset;        // of "classes": outputs before the first class (a background)
    int32_t top;                 // of "classes": how many are reported at most
    int32_t point_order[NJ_MODEL_POINTS]; // of "yolov5_points": which landmark is the top left
                                          // corner, and on clockwise
    // Of "ctc": the input is as wide as the text asks, from input.width to width_max in steps;
    // 0: always input.width.
    int32_t width_max, width_step;
    int32_t alphabet_count;
    char (*alphabet)[NJ_MODEL_LABEL_SIZE]; // malloc'd; without blank and space
    bool space;                            // the last class is the space
    char labels_path[NJ_MODEL_PATH_SIZE];  // file that classes or alphabet come from; "": none
};

// Reads and checks a manifest; relative weights are beside it. The error names file, key and what
// is allowed. Free with nj_model_finish.
int nj_model_load(const char *manifest_path, struct nj_model *out, struct nj_error *err);
int nj_model_parse(const char *json, size_t length, const char *folder, struct nj_model *out,
                   struct nj_error *err);
void nj_model_finish(struct nj_model *model);
// The class of that name, whatever its case; -1: none.
int32_t nj_model_class(const struct nj_model *model, const char *name);

#endif
