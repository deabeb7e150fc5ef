// SPDX-License-Identifier: Apache-2.0
// The gate's decision: which blocks moved, whether it is only the light, and what follows.
//
// Every block has a background that follows it within about a second while it is still, and much
// more slowly once it differs, so that a slow walker is not absorbed while he passes; what differs
// but keeps its level for a while has come to stay, and becomes background. A change that
// all blocks share (a cloud, the camera's exposure) is their median and is taken off first. A
// block that changed alone is noise: it counts only beside another one.
#include "frames/motion.h"

#include "frames/motion_priv.h"
#include "util/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double STILL_FOLLOW_S = 1.0;
static const double MOVED_FOLLOW_S = 10.0;
static const float SETTLE_S = 1.2F; // a walker's edge crosses a block's threshold sooner
enum {
    SHIFT_MOST = 64, // levels of common change that are taken off; more is a light change anyway
    SHIFT_STEPS = 4, // histogram bins per level
    SHIFT_BINS = 2 * SHIFT_MOST * SHIFT_STEPS + 1,
    MASK_POINTS_MOST = 10000,
};

static const struct nj_option motion_options[] = {
    {
        .name = "enabled",
        .type = NJ_OPTION_BOOL,
        .offset = offsetof(struct nj_motion_options, enabled),
        .fallback = "true",
        .help =
            "Skip inference on live frames in which nothing moves; uploads are always inferred.",
    },
    {
        .name = "threshold",
        .type = NJ_OPTION_NUMBER,
        .offset = offsetof(struct nj_motion_options, threshold),
        .min = 1,
        .max = 255,
        .unit = "levels",
        .fallback = "5",
        .help = "Change of an 8x8 block's brightness that counts; raise it for a noisy camera.",
    },
    {
        .name = "min_area",
        .type = NJ_OPTION_NUMBER,
        .offset = offsetof(struct nj_motion_options, min_area),
        .min = 0,
        .max = 1,
        .fallback = "0.0003",
        .help = "Part of the unmasked picture that must change; raise it to ignore small things.",
    },
    {
        .name = "light_change_area",
        .type = NJ_OPTION_NUMBER,
        .offset = offsetof(struct nj_motion_options, light_change_area),
        .min = 0.01,
        .max = 1,
        .fallback = "0.4",
        .help = "When more of the picture than this changes at once it is the light: the gate "
                "learns the picture anew.",
    },
    {
        .name = "recalibrate_seconds",
        .type = NJ_OPTION_SECONDS,
        .offset = offsetof(struct nj_motion_options, recalibrate_us),
        .min = 0,
        .max = 60,
        .unit = "s",
        .fallback = "1",
        .help = "How long every frame is inferred after the light changed or a stream began.",
    },
    {
        .name = "max_skip_seconds",
        .type = NJ_OPTION_SECONDS,
        .offset = offsetof(struct nj_motion_options, max_skip_us),
        .min = 0,
        .max = 3600,
        .unit = "s",
        .fallback = "2",
        .help = "Infer at least this often though nothing moves; it bounds what the gate can miss.",
    },
    {
        .name = "hold_seconds",
        .type = NJ_OPTION_SECONDS,
        .offset = offsetof(struct nj_motion_options, hold_us),
        .min = 0,
        .max = 600,
        .unit = "s",
        .fallback = "1",
        .help = "Go on inferring this long after the last motion, for those who pause.",
    },
};

const struct nj_option_group nj_motion_option_group = {
    .name = "motion",
    .title = "Motion gate",
    .options = motion_options,
    .count = NJ_COUNT_OF(motion_options),
    .struct_size = sizeof(struct nj_motion_options),
};

struct polygon {
    float *points;
    size_t count;
};

struct nj_motion {
    struct nj_motion_options options;
    struct polygon *masks;
    size_t mask_count;

    int32_t width, height; // of the frames that the following belong to; 0: none yet
    int32_t columns, rows; // blocks
    size_t open_blocks;    // that no mask covers
    struct nj_motion_blocks blocks;
    uint8_t *masked;
    uint16_t *sums;
    uint8_t *luma;

    bool learned;           // background holds a picture
    nj_us calibrated_at_us; // when the background was last taken whole
    nj_us checked_at_us, moved_at_us, inferred_at_us;
    bool ever_moved, ever_inferred;
};

static int copy_masks(struct nj_motion *motion, const struct nj_polygon *masks, size_t count,
                      struct nj_error *err)
{
    if (count == 0)
        return NJ_OK;
    motion->masks = calloc(count, sizeof(*motion->masks));
    if (!motion->masks)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for %zu masks", count);
    motion->mask_count = count;
    for (size_t i = 0; i < count; i++) {
        size_t points = masks[i].count;
        if (points < 3 || points > MASK_POINTS_MOST)
            return nj_error_set(err, NJ_E_INVALID, "mask %zu has %zu points; 3 to %d are possible",
                                i + 1, points, MASK_POINTS_MOST);
        motion->masks[i].points = nj_malloc_array(points, 2 * sizeof(float));
        if (!motion->masks[i].points)
            return nj_error_set(err, NJ_E_NOMEM, "no memory for a mask of %zu points", points);
        memcpy(motion->masks[i].points, masks[i].points, points * 2 * sizeof(float));
        motion->masks[i].count = points;
    }
    return NJ_OK;
}

int nj_motion_create(const struct nj_motion_options *options, const struct nj_polygon *masks,
                     size_t mask_count, struct nj_motion **out, struct nj_error *err)
{
    struct nj_motion *motion = calloc(1, sizeof(*motion));
    if (!motion)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a motion gate");
    motion->options = *options;
    int result = copy_masks(motion, masks, mask_count, err);
    if (result < 0) {
        nj_motion_destroy(motion);
        return result;
    }
    *out = motion;
    return NJ_OK;
}

static void drop_blocks(struct nj_motion *motion)
{
    free(motion->blocks.means);
    free(motion->blocks.changed);
    free(motion->masked);
    free(motion->sums);
    free(motion->luma);
    motion->blocks = (struct nj_motion_blocks){0};
    motion->masked = motion->luma = NULL;
    motion->sums = NULL;
    motion->width = motion->height = 0;
}

void nj_motion_destroy(struct nj_motion *motion)
{
    if (!motion)
        return;
    drop_blocks(motion);
    for (size_t i = 0; i < motion->mask_count; i++)
        free(motion->masks[i].points);
    free(motion->masks);
    free(motion);
}

void nj_motion_reset(struct nj_motion *motion)
{
    motion->learned = false;
}

// Even-odd rule: a ray to the left crosses the outline an odd number of times.
static bool is_inside(const struct polygon *polygon, float x, float y)
{
    bool inside = false;
    const float *p = polygon->points;
    for (size_t i = 0, j = polygon->count - 1; i < polygon->count; j = i++) {
        if ((p[2 * i + 1] > y) == (p[2 * j + 1] > y))
            continue;
        float part = (y - p[2 * i + 1]) / (p[2 * j + 1] - p[2 * i + 1]);
        if (x < p[2 * i] + part * (p[2 * j] - p[2 * i]))
            inside = !inside;
    }
    return inside;
}

static bool is_masked(const struct nj_motion *motion, int32_t column, int32_t row)
{
    float x = ((float)column + 0.5F) * NJ_MOTION_BLOCK_PX / (float)motion->width;
    float y = ((float)row + 0.5F) * NJ_MOTION_BLOCK_PX / (float)motion->height;
    for (size_t i = 0; i < motion->mask_count; i++)
        if (is_inside(&motion->masks[i], x, y))
            return true;
    return false;
}

static void draw_masks(struct nj_motion *motion)
{
    motion->open_blocks = 0;
    uint8_t *to = motion->masked;
    for (int32_t row = 0; row < motion->rows; row++) {
        for (int32_t column = 0; column < motion->columns; column++) {
            *to = is_masked(motion, column, row);
            motion->open_blocks += !*to++;
        }
    }
}

static int take_size(struct nj_motion *motion, const struct nj_frame *frame)
{
    drop_blocks(motion);
    motion->learned = false;
    motion->columns = frame->width / NJ_MOTION_BLOCK_PX;
    motion->rows = frame->height / NJ_MOTION_BLOCK_PX;
    size_t count = (size_t)motion->columns * (size_t)motion->rows;
    size_t across = (size_t)motion->columns * NJ_MOTION_BLOCK_PX;
    if (count == 0) // smaller than a block: nothing is known of it
        return NJ_OK;
    struct nj_motion_blocks *blocks = &motion->blocks;
    blocks->means = nj_malloc_array(count, 4 * sizeof(float)); // and the three after it
    blocks->changed = malloc(count);
    motion->masked = malloc(count);
    motion->sums = nj_malloc_array(across, sizeof(*motion->sums));
    motion->luma = nj_malloc_array(across, NJ_MOTION_BLOCK_PX);
    if (!blocks->means || !blocks->changed || !motion->masked || !motion->sums || !motion->luma) {
        drop_blocks(motion);
        return NJ_E_NOMEM;
    }
    blocks->count = (int32_t)count;
    blocks->background = blocks->means + count;
    blocks->recent = blocks->background + count;
    blocks->age_s = blocks->recent + count;
    motion->width = frame->width;
    motion->height = frame->height;
    draw_masks(motion);
    return NJ_OK;
}

static void measure(struct nj_motion *motion, const struct nj_frame *frame)
{
    int32_t across = motion->columns * NJ_MOTION_BLOCK_PX;
    for (int32_t row = 0; row < motion->rows; row++) {
        ptrdiff_t top = (ptrdiff_t)row * NJ_MOTION_BLOCK_PX;
        const uint8_t *luma = frame->planes[0] + top * frame->strides[0];
        int32_t stride = frame->strides[0];
        if (frame->format == NJ_PIXEL_RGB24) {
            for (ptrdiff_t i = 0; i < NJ_MOTION_BLOCK_PX; i++)
                nj_motion_luma_row(luma + i * stride, across, motion->luma + i * across);
            luma = motion->luma;
            stride = across;
        }
        nj_motion_block_means(luma, stride, motion->columns, motion->sums,
                              motion->blocks.means + (ptrdiff_t)row * motion->columns);
    }
}

// How many open blocks changed without regard to a common shift, and that shift: the median.
static size_t common_shift(const struct nj_motion *motion, float *out_shift)
{
    uint32_t bins[SHIFT_BINS] = {0};
    size_t count = (size_t)motion->columns * (size_t)motion->rows;
    size_t changed = 0;
    float threshold = (float)motion->options.threshold;
    for (size_t i = 0; i < count; i++) {
        if (motion->masked[i])
            continue;
        float difference = motion->blocks.means[i] - motion->blocks.background[i];
        changed += fabsf(difference) > threshold;
        int bin = (int)((difference + SHIFT_MOST) * SHIFT_STEPS + 0.5F);
        bins[bin < 0 ? 0 : bin >= SHIFT_BINS ? SHIFT_BINS - 1 : bin]++;
    }
    size_t seen = 0;
    int middle = 0;
    while (middle < SHIFT_BINS - 1 && (seen += bins[middle]) * 2 < motion->open_blocks)
        middle++;
    *out_shift = (float)middle / SHIFT_STEPS - SHIFT_MOST;
    return changed;
}

static bool has_company(const struct nj_motion *motion, int32_t column, int32_t row)
{
    const uint8_t *at = motion->blocks.changed + (ptrdiff_t)row * motion->columns + column;
    return (column > 0 && at[-1]) || (column + 1 < motion->columns && at[1]) ||
           (row > 0 && at[-motion->columns]) || (row + 1 < motion->rows && at[motion->columns]);
}

// Blocks that changed together with a neighbour, and the box around them.
static size_t collect(struct nj_motion *motion, struct nj_rect *box)
{
    int32_t left = motion->columns;
    int32_t top = motion->rows;
    int32_t right = -1;
    int32_t bottom = -1;
    size_t found = 0;
    for (int32_t row = 0; row < motion->rows; row++) {
        const uint8_t *changed = motion->blocks.changed + (ptrdiff_t)row * motion->columns;
        if (!memchr(changed, 1, (size_t)motion->columns))
            continue;
        for (int32_t column = 0; column < motion->columns; column++) {
            if (!changed[column] || !has_company(motion, column, row))
                continue;
            found++;
            left = column < left ? column : left;
            right = column > right ? column : right;
            top = row < top ? row : top;
            bottom = row;
        }
    }
    if (found > 0)
        *box =
            (struct nj_rect){(float)(left * NJ_MOTION_BLOCK_PX), (float)(top * NJ_MOTION_BLOCK_PX),
                             (float)((right - left + 1) * NJ_MOTION_BLOCK_PX),
                             (float)((bottom - top + 1) * NJ_MOTION_BLOCK_PX)};
    return found;
}

static float follow_rate(nj_us elapsed_us, double follow_s)
{
    return (float)(1 - exp(-(double)elapsed_us / (follow_s * NJ_US_PER_S)));
}

static void learn(struct nj_motion *motion, nj_us now)
{
    const struct nj_motion_blocks *blocks = &motion->blocks;
    size_t bytes = (size_t)blocks->count * sizeof(float);
    memcpy(blocks->background, blocks->means, bytes);
    memcpy(blocks->recent, blocks->means, bytes);
    memset(blocks->age_s, 0, bytes);
    motion->learned = true;
    motion->calibrated_at_us = now;
}

static enum nj_motion_verdict judge(struct nj_motion *motion, nj_us now,
                                    struct nj_motion_result *result)
{
    const struct nj_motion_options *options = &motion->options;
    if (!motion->learned) {
        learn(motion, now);
        return NJ_MOTION_CALIBRATING;
    }
    if (motion->open_blocks == 0)
        return NJ_MOTION_STILL;
    float shift;
    double open_blocks = (double)motion->open_blocks;
    double unsettled = (double)common_shift(motion, &shift) / open_blocks;
    if (unsettled > options->light_change_area) {
        learn(motion, now);
        result->changed_area = (float)unsettled;
        return NJ_MOTION_CALIBRATING;
    }
    nj_us elapsed = now > motion->checked_at_us ? now - motion->checked_at_us : 0;
    struct nj_motion_compare how = {(float)options->threshold,
                                    shift,
                                    follow_rate(elapsed, STILL_FOLLOW_S),
                                    follow_rate(elapsed, MOVED_FOLLOW_S),
                                    (float)elapsed / NJ_US_PER_S,
                                    SETTLE_S};
    struct nj_motion_blocks *blocks = &motion->blocks;
    nj_motion_compare_blocks(&how, blocks);
    for (int32_t i = 0; i < blocks->count; i++)
        blocks->changed[i] = blocks->changed[i] && !motion->masked[i];
    struct nj_rect box = {0};
    size_t found = collect(motion, &box);
    result->changed_area = (float)((double)found / open_blocks);
    bool moving = found > 0 && (double)found >= options->min_area * open_blocks;
    if (moving)
        result->box = box;
    if (now - motion->calibrated_at_us < options->recalibrate_us)
        return NJ_MOTION_CALIBRATING;
    return moving ? NJ_MOTION_MOVING : NJ_MOTION_STILL;
}

static bool should_infer(struct nj_motion *motion, enum nj_motion_verdict verdict, nj_us now)
{
    if (verdict == NJ_MOTION_MOVING) {
        motion->ever_moved = true;
        motion->moved_at_us = now;
    }
    bool held = motion->ever_moved && now - motion->moved_at_us < motion->options.hold_us;
    bool due =
        !motion->ever_inferred || now - motion->inferred_at_us >= motion->options.max_skip_us;
    if (verdict == NJ_MOTION_STILL && !held && !due)
        return false;
    motion->ever_inferred = true;
    motion->inferred_at_us = now;
    return true;
}

int nj_motion_check(struct nj_motion *motion, const struct nj_frame *frame,
                    struct nj_motion_result *out)
{
    nj_us now = frame->captured_mono_us;
    struct nj_motion_result result = {.verdict = NJ_MOTION_CALIBRATING, .infer = true};
    if (!motion->options.enabled) {
        *out = result;
        return NJ_OK;
    }
    if (frame->width != motion->width || frame->height != motion->height) {
        int failure = take_size(motion, frame);
        if (failure < 0)
            return failure;
    }
    if (motion->blocks.count > 0) {
        measure(motion, frame);
        result.verdict = judge(motion, now, &result);
    }
    motion->checked_at_us = now;
    result.infer = should_infer(motion, result.verdict, now);
    *out = result;
    return NJ_OK;
}
