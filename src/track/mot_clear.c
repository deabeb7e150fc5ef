// SPDX-License-Identifier: Apache-2.0
// CLEAR MOT and identity metrics at IoU .5.
#include "track/mot_priv.h"

#include "util/mem.h"

#include <float.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double IOU_THRESHOLD = 0.5;
// A pair that was matched in the frame before goes first, however little it overlaps.
static const double CONTINUITY_WEIGHT = 1000.0;

// What is remembered of each ground-truth id from frame to frame; -1: nothing.
struct history {
    int32_t matched;   // result id of the newest match
    int32_t previous;  // result id of the frame before
    int32_t stretches; // times it began to be tracked
};

static int match_frame(const struct nj_mot_sequence *sequence, const struct nj_mot_frame *frame,
                       const struct history *histories, struct nj_match *match)
{
    nj_match_begin(match, (int32_t)(frame->gt_end - frame->gt_begin),
                   (int32_t)(frame->result_end - frame->result_begin));
    for (size_t i = frame->overlap_begin; i < frame->overlap_end; i++) {
        const struct nj_mot_overlap *overlap = &sequence->overlaps[i];
        if (overlap->iou < IOU_THRESHOLD - DBL_EPSILON)
            continue;
        const struct nj_mot_pair *pair = &sequence->pairs[overlap->pair];
        bool goes_on = histories[pair->gt].previous == pair->result;
        int code = nj_match_add(match, (int32_t)(overlap->gt - frame->gt_begin),
                                (int32_t)(overlap->result - frame->result_begin),
                                overlap->iou + (goes_on ? CONTINUITY_WEIGHT : 0));
        if (code < 0)
            return code;
    }
    return nj_match_solve(match);
}

static void count_switches(struct nj_mot_sums *sums, const struct nj_mot_sequence *sequence,
                           const struct nj_mot_frame *frame, struct history *histories,
                           const struct nj_match *match)
{
    for (size_t g = frame->gt_begin; g < frame->gt_end; g++) {
        int32_t col = match->col_of_row[g - frame->gt_begin];
        if (col < 0)
            continue;
        struct history *history = &histories[sequence->gt.id[g]];
        int32_t id = sequence->result.id[frame->result_begin + (size_t)col];
        sums->id_switches += history->matched >= 0 && history->matched != id;
        history->stretches += history->previous < 0;
        history->matched = id;
    }
}

// Ids that are missing in this frame end their stretch as well, so all of them are visited.
static void remember_frame(const struct nj_mot_sequence *sequence, const struct nj_mot_frame *frame,
                           struct history *histories, const struct nj_match *match)
{
    for (int32_t id = 0; id < sequence->gt.id_count; id++)
        histories[id].previous = -1;
    for (size_t g = frame->gt_begin; g < frame->gt_end; g++) {
        int32_t col = match->col_of_row[g - frame->gt_begin];
        if (col >= 0)
            histories[sequence->gt.id[g]].previous =
                sequence->result.id[frame->result_begin + (size_t)col];
    }
}

static void count_overlap(struct nj_mot_sums *sums, const struct nj_mot_sequence *sequence,
                          const struct nj_mot_frame *frame, const struct nj_match *match)
{
    for (size_t i = frame->overlap_begin; i < frame->overlap_end; i++) {
        const struct nj_mot_overlap *overlap = &sequence->overlaps[i];
        if (match->col_of_row[overlap->gt - frame->gt_begin] ==
            (int32_t)(overlap->result - frame->result_begin)) {
            sums->tp++;
            sums->iou_sum += overlap->iou;
        }
    }
}

int nj_mot_add_clear(struct nj_mot_sums *sums, const struct nj_mot_sequence *sequence,
                     struct nj_match *match)
{
    size_t ids = (size_t)sequence->gt.id_count;
    struct history *histories = nj_malloc_array(ids + 1, sizeof(*histories));
    if (histories == NULL)
        return NJ_E_NOMEM;
    for (size_t i = 0; i < ids; i++)
        histories[i] = (struct history){-1, -1, 0};
    int64_t tp_before = sums->tp;
    int code = 0;
    for (size_t f = 0; f < sequence->frame_count; f++) {
        const struct nj_mot_frame *frame = &sequence->frames[f];
        // A frame that only one side knows does not break continuity.
        if (frame->gt_begin == frame->gt_end || frame->result_begin == frame->result_end)
            continue;
        code = match_frame(sequence, frame, histories, match);
        if (code < 0)
            break;
        count_overlap(sums, sequence, frame, match);
        count_switches(sums, sequence, frame, histories, match);
        remember_frame(sequence, frame, histories, match);
    }
    int64_t tp = sums->tp - tp_before;
    sums->fn += (int64_t)sequence->gt.count - tp;
    sums->fp += (int64_t)sequence->result.count - tp;
    for (size_t i = 0; i < ids; i++)
        sums->fragmentations += histories[i].stretches > 0 ? histories[i].stretches - 1 : 0;
    free(histories);
    return code;
}

int nj_mot_add_identity(struct nj_mot_sums *sums, const struct nj_mot_sequence *sequence,
                        struct nj_match *match)
{
    int64_t *frames = calloc(sequence->pair_count + 1, sizeof(*frames));
    if (frames == NULL)
        return NJ_E_NOMEM;
    for (size_t i = 0; i < sequence->overlap_count; i++)
        frames[sequence->overlaps[i].pair] += sequence->overlaps[i].iou >= IOU_THRESHOLD;
    // The fewest wrong rows are left where the matched pairs have the most frames in common.
    nj_match_begin(match, sequence->gt.id_count, sequence->result.id_count);
    int code = 0;
    for (size_t i = 0; i < sequence->pair_count && code == 0; i++) {
        if (frames[i] > 0)
            code = nj_match_add(match, sequence->pairs[i].gt, sequence->pairs[i].result,
                                (double)frames[i]);
    }
    if (code == 0)
        code = nj_match_solve(match);
    for (size_t i = 0; i < sequence->pair_count && code == 0; i++) {
        if (match->col_of_row[sequence->pairs[i].gt] == sequence->pairs[i].result)
            sums->id_tp += frames[i];
    }
    free(frames);
    return code;
}
