// SPDX-License-Identifier: Apache-2.0
// Prepares a sequence for the metrics: drops what ground truth says to ignore, renumbers ids, and
// finds every overlapping pair of boxes once.
#include "track/mot_priv.h"

#include "util/mem.h"

#include <float.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRAME_ROWS_MAX = 4096,  // per side: a frame costs the product of both
    OVERLAPS_MAX = 1 << 24, // 640 MiB of pairs; a day of a busy street has a tenth
};

// Open addressing from pair of ids to index; the size is a power of two.
struct pair_index {
    int32_t *slots; // -1: empty
    size_t size;
};

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int32_t find_id(const int64_t *ids, int32_t count, int64_t id)
{
    int32_t low = 0, high = count - 1;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int number_ids(struct nj_mot_side *side)
{
    int64_t *ids = nj_malloc_array(side->count + 1, sizeof(*ids));
    side->id = nj_malloc_array(side->count + 1, sizeof(*side->id));
    side->id_rows = calloc(side->count + 1, sizeof(*side->id_rows));
    if (ids == NULL || side->id == NULL || side->id_rows == NULL) {
        free(ids);
        return NJ_E_NOMEM;
    }
    for (size_t i = 0; i < side->count; i++)
        ids[i] = side->rows[i].id;
    qsort(ids, side->count, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < side->count; i++) {
        if (i == 0 || ids[i] != ids[i - 1])
            ids[side->id_count++] = ids[i];
    }
    for (size_t i = 0; i < side->count; i++) {
        side->id[i] = find_id(ids, side->id_count, side->rows[i].id);
        side->id_rows[side->id[i]]++;
    }
    free(ids);
    return 0;
}

static int check_unique(const struct nj_mot_side *side, const char *what, struct nj_error *err)
{
    int32_t *last = calloc((size_t)side->id_count + 1, sizeof(*last));
    if (last == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the ids of the %s", what);
    int code = 0;
    for (size_t i = 0; i < side->count && code == 0; i++) {
        const struct nj_mot_row *row = &side->rows[i];
        if (last[side->id[i]] == row->frame)
            code = nj_error_set(err, NJ_E_INVALID,
                                "%s: id %" PRId64 " appears twice in frame %" PRId32, what, row->id,
                                row->frame);
        last[side->id[i]] = row->frame;
    }
    free(last);
    return code;
}

static int fill_side(struct nj_mot_side *side, const struct nj_mot_table *table, bool ground_truth,
                     struct nj_error *err)
{
    const char *what = ground_truth ? "ground truth" : "result";
    side->rows = nj_malloc_array(table->count + 1, sizeof(*side->rows));
    if (side->rows == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the rows of the %s", what);
    for (size_t i = 0; i < table->count; i++) {
        if (!ground_truth || table->rows[i].score != 0)
            side->rows[side->count++] = table->rows[i];
    }
    int code = number_ids(side);
    if (code < 0)
        return nj_error_set(err, code, "no memory for the ids of the %s", what);
    return check_unique(side, what, err);
}

static double box_iou(const struct nj_mot_row *a, const struct nj_mot_row *b)
{
    double ax = a->x + a->w, ay = a->y + a->h, bx = b->x + b->w, by = b->y + b->h;
    double w = (ax < bx ? ax : bx) - (a->x > b->x ? a->x : b->x);
    double h = (ay < by ? ay : by) - (a->y > b->y ? a->y : b->y);
    if (!(w > 0) || !(h > 0))
        return 0;
    double area_a = (ax - a->x) * (ay - a->y), area_b = (bx - b->x) * (by - b->y);
    double both = w * h, either = area_a + area_b - both;
    if (area_a <= DBL_EPSILON || area_b <= DBL_EPSILON || either <= DBL_EPSILON)
        return 0;
    return both / either;
}

static int rehash(struct pair_index *index, const struct nj_mot_sequence *sequence)
{
    size_t size = index->size == 0 ? 1024 : index->size * 2;
    int32_t *slots = nj_malloc_array(size, sizeof(*slots));
    if (slots == NULL)
        return NJ_E_NOMEM;
    memset(slots, -1, size * sizeof(*slots));
    free(index->slots);
    *index = (struct pair_index){slots, size};
    for (size_t i = 0; i < sequence->pair_count; i++) {
        const struct nj_mot_pair *pair = &sequence->pairs[i];
        uint64_t key = ((uint64_t)(uint32_t)pair->gt << 32) | (uint32_t)pair->result;
        size_t at = (size_t)((key * 0x9E3779B97F4A7C15u) >> 20) & (size - 1);
        while (slots[at] >= 0)
            at = (at + 1) & (size - 1);
        slots[at] = (int32_t)i;
    }
    return 0;
}

// Index of the pair of ids, made when new; negative on lack of memory.
static int find_pair(struct nj_mot_sequence *sequence, struct pair_index *index, int32_t gt,
                     int32_t result)
{
    if (sequence->pair_count * 2 >= index->size && rehash(index, sequence) < 0)
        return NJ_E_NOMEM;
    uint64_t key = ((uint64_t)(uint32_t)gt << 32) | (uint32_t)result;
    size_t at = (size_t)((key * 0x9E3779B97F4A7C15u) >> 20) & (index->size - 1);
    for (; index->slots[at] >= 0; at = (at + 1) & (index->size - 1)) {
        const struct nj_mot_pair *pair = &sequence->pairs[index->slots[at]];
        if (pair->gt == gt && pair->result == result)
            return index->slots[at];
    }
    int code = nj_array_reserve((void **)&sequence->pairs, &sequence->pair_capacity,
                                sequence->pair_count + 1, sizeof(*sequence->pairs));
    if (code < 0)
        return code;
    sequence->pairs[sequence->pair_count] = (struct nj_mot_pair){gt, result};
    index->slots[at] = (int32_t)sequence->pair_count;
    return (int)sequence->pair_count++;
}

static int add_overlap(struct nj_mot_sequence *sequence, struct pair_index *index,
                       struct nj_mot_overlap overlap)
{
    if (sequence->overlap_count >= OVERLAPS_MAX)
        return NJ_E_TOO_BIG;
    int code = nj_array_reserve((void **)&sequence->overlaps, &sequence->overlap_capacity,
                                sequence->overlap_count + 1, sizeof(*sequence->overlaps));
    if (code < 0)
        return code;
    overlap.pair = find_pair(sequence, index, sequence->gt.id[overlap.gt],
                             sequence->result.id[overlap.result]);
    if (overlap.pair < 0)
        return overlap.pair;
    sequence->overlaps[sequence->overlap_count++] = overlap;
    return 0;
}

static int fill_overlaps(struct nj_mot_sequence *sequence, struct pair_index *index,
                         struct nj_mot_frame *frame)
{
    if (frame->gt_end - frame->gt_begin > FRAME_ROWS_MAX ||
        frame->result_end - frame->result_begin > FRAME_ROWS_MAX)
        return NJ_E_TOO_BIG;
    frame->overlap_begin = sequence->overlap_count;
    for (size_t g = frame->gt_begin; g < frame->gt_end; g++) {
        for (size_t r = frame->result_begin; r < frame->result_end; r++) {
            double iou = box_iou(&sequence->gt.rows[g], &sequence->result.rows[r]);
            if (!(iou > 0))
                continue;
            int code = add_overlap(sequence, index, (struct nj_mot_overlap){g, r, iou, 0});
            if (code < 0)
                return code;
        }
    }
    frame->overlap_end = sequence->overlap_count;
    return 0;
}

static size_t skip_frame(const struct nj_mot_side *side, size_t at, int32_t frame)
{
    while (at < side->count && side->rows[at].frame == frame)
        at++;
    return at;
}

static int fill_frames(struct nj_mot_sequence *sequence, struct pair_index *index)
{
    const struct nj_mot_side *gt = &sequence->gt, *result = &sequence->result;
    size_t g = 0, r = 0;
    while (g < gt->count || r < result->count) {
        int32_t number = g < gt->count ? gt->rows[g].frame : result->rows[r].frame;
        if (r < result->count && result->rows[r].frame < number)
            number = result->rows[r].frame;
        int code = nj_array_reserve((void **)&sequence->frames, &sequence->frame_capacity,
                                    sequence->frame_count + 1, sizeof(*sequence->frames));
        if (code < 0)
            return code;
        struct nj_mot_frame *frame = &sequence->frames[sequence->frame_count++];
        *frame = (struct nj_mot_frame){.gt_begin = g,
                                       .gt_end = skip_frame(gt, g, number),
                                       .result_begin = r,
                                       .result_end = skip_frame(result, r, number)};
        g = frame->gt_end;
        r = frame->result_end;
        code = fill_overlaps(sequence, index, frame);
        if (code < 0)
            return code;
    }
    return 0;
}

int nj_mot_sequence_init(struct nj_mot_sequence *out, const struct nj_mot_table *gt,
                         const struct nj_mot_table *result, struct nj_error *err)
{
    int code = fill_side(&out->gt, gt, true, err);
    if (code == 0)
        code = fill_side(&out->result, result, false, err);
    if (code < 0)
        return code;
    struct pair_index index = {0};
    code = fill_frames(out, &index);
    free(index.slots);
    if (code == NJ_E_TOO_BIG)
        return nj_error_set(err, code, "more than %d boxes in a frame or %d overlaps in all",
                            FRAME_ROWS_MAX, OVERLAPS_MAX);
    if (code < 0)
        return nj_error_set(err, code, "no memory for the overlaps");
    return 0;
}

void nj_mot_sequence_finish(struct nj_mot_sequence *sequence)
{
    struct nj_mot_side *sides[] = {&sequence->gt, &sequence->result};
    for (size_t i = 0; i < NJ_COUNT_OF(sides); i++) {
        free(sides[i]->rows);
        free(sides[i]->id);
        free(sides[i]->id_rows);
    }
    free(sequence->frames);
    free(sequence->overlaps);
    free(sequence->pairs);
    memset(sequence, 0, sizeof(*sequence));
}
