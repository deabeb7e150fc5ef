// SPDX-License-Identifier: Apache-2.0
// Greedy suppression in one pass over boxes sorted by score.
#include "detect/nms_priv.h"

#include <stdlib.h>

static int by_falling_score(const void *left, const void *right)
{
    const struct nj_candidate *a = left;
    const struct nj_candidate *b = right;
    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    // Ties need an order of their own, or results depend on the heap.
    if (a->class_id != b->class_id)
        return a->class_id > b->class_id ? 1 : -1;
    return a->x0 == b->x0 ? 0 : (a->x0 > b->x0 ? 1 : -1);
}

float nj_nms_overlap(const struct nj_candidate *a, const struct nj_candidate *b)
{
    const float x0 = a->x0 > b->x0 ? a->x0 : b->x0;
    const float y0 = a->y0 > b->y0 ? a->y0 : b->y0;
    const float x1 = a->x1 < b->x1 ? a->x1 : b->x1;
    const float y1 = a->y1 < b->y1 ? a->y1 : b->y1;
    if (x1 <= x0 || y1 <= y0)
        return 0;
    const float both = (x1 - x0) * (y1 - y0);
    const float all = (a->x1 - a->x0) * (a->y1 - a->y0) + (b->x1 - b->x0) * (b->y1 - b->y0) - both;
    return all > 0 ? both / all : 0;
}

static float allowed_overlap(const struct nj_nms_options *options, int32_t a, int32_t b)
{
    if (a == b)
        return options->iou;
    const int32_t group = options->class_groups[a];
    return group != 0 && group == options->class_groups[b] ? options->group_iou : 2.0F;
}

void nj_nms_run(struct nj_candidates *candidates, const struct nj_nms_options *options)
{
    struct nj_candidate *items = candidates->items;
    qsort(items, candidates->count, sizeof *items, by_falling_score);
    size_t kept = 0;
    for (size_t i = 0; i < candidates->count && kept < options->max; i++) {
        bool keep = true;
        for (size_t k = 0; k < kept && keep; k++) {
            const float allowed = allowed_overlap(options, items[k].class_id, items[i].class_id);
            keep = allowed > 1 || nj_nms_overlap(&items[k], &items[i]) <= allowed;
        }
        if (keep)
            items[kept++] = items[i];
    }
    candidates->count = kept;
}
