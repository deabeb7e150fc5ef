// SPDX-License-Identifier: Apache-2.0
// What the metrics share: one sequence as dense ids, frames and overlapping pairs, and the sums.
#ifndef NJ_TRACK_MOT_PRIV_H
#define NJ_TRACK_MOT_PRIV_H

#include "track/match_priv.h"
#include "track/mot.h"

enum { NJ_MOT_ALPHAS = 19 }; // .05, .10 ... .95

// Ground truth or result: rows by frame with ids renumbered from 0.
struct nj_mot_side {
    struct nj_mot_row *rows; // own copy
    size_t count;
    int32_t *id; // of each row
    int32_t id_count;
    int64_t *id_rows; // rows of each id
};

struct nj_mot_overlap {
    size_t gt, result; // row indexes
    double iou;        // > 0
    int32_t pair;      // index of the (ground-truth id, result id) pair
};

struct nj_mot_pair {
    int32_t gt, result; // dense ids
};

// Half-open ranges of one frame number that has any row.
struct nj_mot_frame {
    size_t gt_begin, gt_end, result_begin, result_end, overlap_begin, overlap_end;
};

struct nj_mot_sequence {
    struct nj_mot_side gt, result;
    struct nj_mot_frame *frames;
    size_t frame_count, frame_capacity;
    struct nj_mot_overlap *overlaps;
    size_t overlap_count, overlap_capacity;
    struct nj_mot_pair *pairs;
    size_t pair_count, pair_capacity;
};

struct nj_mot_sums {
    int64_t tp, fp, fn, id_switches, fragmentations, gt_rows, result_rows;
    double iou_sum; // over true positives
    int64_t id_tp;
    int64_t hota_tp[NJ_MOT_ALPHAS]; // misses and false alarms follow from the row counts
    double ass_sum[NJ_MOT_ALPHAS], loc_sum[NJ_MOT_ALPHAS];
};

// Zeroed `out` first. Errors: NJ_E_INVALID for an id twice in a frame, NJ_E_TOO_BIG, NJ_E_NOMEM.
// The caller calls finish also after a failure.
int nj_mot_sequence_init(struct nj_mot_sequence *out, const struct nj_mot_table *gt,
                         const struct nj_mot_table *result, struct nj_error *err);
void nj_mot_sequence_finish(struct nj_mot_sequence *sequence);

// Each adds one sequence to the sums. NJ_E_NOMEM.
int nj_mot_add_clear(struct nj_mot_sums *sums, const struct nj_mot_sequence *sequence,
                     struct nj_match *match);
int nj_mot_add_identity(struct nj_mot_sums *sums, const struct nj_mot_sequence *sequence,
                        struct nj_match *match);
int nj_mot_add_hota(struct nj_mot_sums *sums, const struct nj_mot_sequence *sequence,
                    struct nj_match *match);

#endif
