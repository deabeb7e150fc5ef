// SPDX-License-Identifier: Apache-2.0
// Higher order tracking accuracy: one matching per frame, judged at 19 localisation thresholds.
#include "track/mot_priv.h"

#include "util/mem.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

// Sums of one frame's overlaps by row and by column.
struct margins {
    double *gt, *result; // as long as the largest frame of each side
};

struct hota {
    double *alignment; // per pair: how well the two ids fit over the whole sequence
    int64_t *matches;  // per pair, at one alpha
    struct margins margins;
    size_t *matched; // overlaps that were matched, over all frames
    size_t matched_count;
};

static double alpha_of(int index)
{
    return 0.05 * (index + 1);
}

static void sum_margins(const struct nj_mot_sequence *sequence, const struct nj_mot_frame *frame,
                        struct margins *margins)
{
    memset(margins->gt, 0, (frame->gt_end - frame->gt_begin) * sizeof(*margins->gt));
    memset(margins->result, 0,
           (frame->result_end - frame->result_begin) * sizeof(*margins->result));
    for (size_t i = frame->overlap_begin; i < frame->overlap_end; i++) {
        const struct nj_mot_overlap *overlap = &sequence->overlaps[i];
        margins->gt[overlap->gt - frame->gt_begin] += overlap->iou;
        margins->result[overlap->result - frame->result_begin] += overlap->iou;
    }
}

// Soft count of the frames in which two ids belong together, over the frames in which either is.
static void fill_alignment(const struct nj_mot_sequence *sequence, struct hota *hota)
{
    for (size_t f = 0; f < sequence->frame_count; f++) {
        const struct nj_mot_frame *frame = &sequence->frames[f];
        sum_margins(sequence, frame, &hota->margins);
        for (size_t i = frame->overlap_begin; i < frame->overlap_end; i++) {
            const struct nj_mot_overlap *overlap = &sequence->overlaps[i];
            double either = hota->margins.gt[overlap->gt - frame->gt_begin] +
                            hota->margins.result[overlap->result - frame->result_begin] -
                            overlap->iou;
            if (either > DBL_EPSILON)
                hota->alignment[overlap->pair] += overlap->iou / either;
        }
    }
    for (size_t i = 0; i < sequence->pair_count; i++) {
        const struct nj_mot_pair *pair = &sequence->pairs[i];
        double rows =
            (double)(sequence->gt.id_rows[pair->gt] + sequence->result.id_rows[pair->result]);
        hota->alignment[i] /= rows - hota->alignment[i];
    }
}

static int match_frame(const struct nj_mot_sequence *sequence, const struct nj_mot_frame *frame,
                       struct hota *hota, struct nj_match *match)
{
    nj_match_begin(match, (int32_t)(frame->gt_end - frame->gt_begin),
                   (int32_t)(frame->result_end - frame->result_begin));
    for (size_t i = frame->overlap_begin; i < frame->overlap_end; i++) {
        const struct nj_mot_overlap *overlap = &sequence->overlaps[i];
        int code = nj_match_add(match, (int32_t)(overlap->gt - frame->gt_begin),
                                (int32_t)(overlap->result - frame->result_begin),
                                hota->alignment[overlap->pair] * overlap->iou);
        if (code < 0)
            return code;
    }
    int code = nj_match_solve(match);
    if (code < 0)
        return code;
    for (size_t i = frame->overlap_begin; i < frame->overlap_end; i++) {
        const struct nj_mot_overlap *overlap = &sequence->overlaps[i];
        if (match->col_of_row[overlap->gt - frame->gt_begin] ==
            (int32_t)(overlap->result - frame->result_begin))
            hota->matched[hota->matched_count++] = i;
    }
    return 0;
}

static void sum_alpha(struct nj_mot_sums *sums, const struct nj_mot_sequence *sequence,
                      struct hota *hota, int alpha)
{
    memset(hota->matches, 0, sequence->pair_count * sizeof(*hota->matches));
    for (size_t i = 0; i < hota->matched_count; i++) {
        const struct nj_mot_overlap *overlap = &sequence->overlaps[hota->matched[i]];
        if (overlap->iou < alpha_of(alpha) - DBL_EPSILON)
            continue;
        sums->hota_tp[alpha]++;
        sums->loc_sum[alpha] += overlap->iou;
        hota->matches[overlap->pair]++;
    }
    for (size_t i = 0; i < sequence->pair_count; i++) {
        if (hota->matches[i] == 0)
            continue;
        const struct nj_mot_pair *pair = &sequence->pairs[i];
        int64_t either = sequence->gt.id_rows[pair->gt] + sequence->result.id_rows[pair->result] -
                         hota->matches[i];
        double count = (double)hota->matches[i];
        sums->ass_sum[alpha] += count * count / (double)(either > 1 ? either : 1);
    }
}

static int create_hota(const struct nj_mot_sequence *sequence, struct hota *hota)
{
    size_t gt_max = 1, result_max = 1;
    for (size_t f = 0; f < sequence->frame_count; f++) {
        const struct nj_mot_frame *frame = &sequence->frames[f];
        if (frame->gt_end - frame->gt_begin > gt_max)
            gt_max = frame->gt_end - frame->gt_begin;
        if (frame->result_end - frame->result_begin > result_max)
            result_max = frame->result_end - frame->result_begin;
    }
    hota->alignment = calloc(sequence->pair_count + 1, sizeof(*hota->alignment));
    hota->matches = calloc(sequence->pair_count + 1, sizeof(*hota->matches));
    hota->margins.gt = nj_malloc_array(gt_max, sizeof(double));
    hota->margins.result = nj_malloc_array(result_max, sizeof(double));
    hota->matched = nj_malloc_array(sequence->overlap_count + 1, sizeof(*hota->matched));
    if (hota->alignment == NULL || hota->matches == NULL || hota->margins.gt == NULL ||
        hota->margins.result == NULL || hota->matched == NULL)
        return NJ_E_NOMEM;
    return 0;
}

int nj_mot_add_hota(struct nj_mot_sums *sums, const struct nj_mot_sequence *sequence,
                    struct nj_match *match)
{
    struct hota hota = {0};
    int code = create_hota(sequence, &hota);
    if (code == 0)
        fill_alignment(sequence, &hota);
    for (size_t f = 0; f < sequence->frame_count && code == 0; f++)
        code = match_frame(sequence, &sequence->frames[f], &hota, match);
    for (int alpha = 0; alpha < NJ_MOT_ALPHAS && code == 0; alpha++)
        sum_alpha(sums, sequence, &hota, alpha);
    free(hota.alignment);
    free(hota.matches);
    free(hota.margins.gt);
    free(hota.margins.result);
    free(hota.matched);
    return code;
}
