// SPDX-License-Identifier: Apache-2.0
// Overlaps of tracks and detections above a gate, and the heaviest matching of them.
#include "track/associate_priv.h"

// Order of both lists is by box, so a window of columns is found by two binary searches.
struct window {
    int32_t begin, end;
};

static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

static struct nj_stage_box grown_box(const struct nj_boxes *boxes, int32_t index, float enlarge)
{
    float w = boxes->x1[index] - boxes->x0[index], h = boxes->y1[index] - boxes->y0[index];
    float dx = w * enlarge / 2, dy = h * enlarge / 2;
    return (struct nj_stage_box){.x0 = boxes->x0[index] - dx,
                                 .y0 = boxes->y0[index] - dy,
                                 .x1 = boxes->x1[index] + dx,
                                 .y1 = boxes->y1[index] + dy,
                                 .area = (w + 2 * dx) * (h + 2 * dy),
                                 .group = boxes->group[index]};
}

// First place of the list whose box begins at or right of `x`.
static int32_t lower_bound(const struct nj_stage *stage, float x)
{
    int32_t low = 0, high = stage->col_list->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (stage->cols->x0[stage->col_list->items[middle]] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct window find_window(const struct nj_stage *stage, const struct nj_stage_box *row)
{
    if (!stage->sorted)
        return (struct window){0, stage->col_list->count};
    float grown = stage->width_max * stage->enlarge / 2;
    return (struct window){lower_bound(stage, row->x0 - stage->width_max - grown),
                           lower_bound(stage, row->x1 + grown)};
}

static int associate_row(const struct nj_stage *stage, struct nj_match *match, int32_t place)
{
    struct nj_stage_box row = grown_box(stage->rows, stage->row_list->items[place], stage->enlarge);
    struct window window = find_window(stage, &row);
    for (int32_t j = window.begin; j < window.end; j++) {
        const struct nj_stage_box *col = &stage->scratch[j];
        float h = smaller(row.y1, col->y1) - larger(row.y0, col->y0);
        float w = smaller(row.x1, col->x1) - larger(row.x0, col->x0);
        if (h <= 0 || w <= 0 || row.group != col->group)
            continue;
        float both = w * h, either = row.area + col->area - both;
        // A gate of 0 still asks for a shared pixel.
        if (both < stage->gate * either)
            continue;
        // Half of the gate is taken off, so that one good pair goes before two poor ones.
        float weight = both / either - stage->gate / 2;
        int code = nj_match_add(match, place, j, (double)weight);
        if (code < 0)
            return code;
    }
    return 0;
}

int nj_stage_associate(const struct nj_stage *stage, struct nj_match *match)
{
    nj_match_begin(match, stage->row_list->count, stage->col_list->count);
    for (int32_t j = 0; j < stage->col_list->count; j++)
        stage->scratch[j] = grown_box(stage->cols, stage->col_list->items[j], stage->enlarge);
    for (int32_t place = 0; place < stage->row_list->count; place++) {
        int code = associate_row(stage, match, place);
        if (code < 0)
            return code;
    }
    return nj_match_solve(match);
}
