// SPDX-License-Identifier: Apache-2.0
// Makes the clip frame by frame and shows it to the gate. The background is the median of the
// video; walkers are cut out of single frames by their boxes and put anywhere between two pixels;
// every pixel gets a sensor's noise.
#include "bench/perception_gate.h"

#include "frames/motion.h"
#include "frames/video.h"
#include "util/mem.h"
#include "util/rng.h"
#include "util/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FPS = 10,
    MEDIAN_FRAMES = 41,
    MEDIAN_EVERY = 19, // video frames between two of those
    SPRITES = 4,
    SPRITE_SIDE_MAX = 160,
    OWN_LEVELS = 14, // a pixel this far from the background belongs to the person
    NOISE_TABLE = 1 << 16,
};
static const double noise_levels = 2.0; // deviation of a sensor's noise, of 255
static const double overlap_least = 0.5;

struct sprite {
    int32_t w, h;
    float luma[SPRITE_SIDE_MAX * SPRITE_SIDE_MAX];
    float own[SPRITE_SIDE_MAX * SPRITE_SIDE_MAX]; // 1: the person, 0: background
};

// One stretch of the clip: walkers go on from where the stretch before left them.
struct stretch {
    int32_t frames;
    double light;             // of every pixel, from its first frame on
    double speed_px[SPRITES]; // a frame, to the right; 0: stands
    bool shown[SPRITES];
};

// Speeds in pixels a frame at ten frames a second: one and a half is a walk across this square in
// a minute, a third is hardly seen as movement.
static const struct stretch stretches[] = {
    {.frames = 200, .light = 1},
    {.frames = 150, .light = 1, .shown = {true}, .speed_px = {0.33}},
    {.frames = 150, .light = 1, .shown = {true}},
    {.frames = 100, .light = 1.12, .shown = {true}},
    {.frames = 150, .light = 1.12, .shown = {true, true}, .speed_px = {0, 0.75}},
    {.frames = 150, .light = 1.12, .shown = {true, true}},
    {.frames = 100, .light = 0.9, .shown = {true, true}},
    {.frames = 100, .light = 0.9, .shown = {true, true, true}, .speed_px = {0, 0, 1.5}},
    {.frames = 200, .light = 0.9},
    {.frames = 100, .light = 1, .shown = {false, false, false, true}, .speed_px = {0, 0, 0, 3}},
    {.frames = 200, .light = 1, .shown = {false, false, false, true}},
    {.frames = 120, .light = 1, .shown = {true, true, false, true}, .speed_px = {0.33, 0.5}},
    {.frames = 150, .light = 1.06, .shown = {true, true, false, true}},
};

struct clip {
    int32_t width, height;
    uint8_t *samples[MEDIAN_FRAMES]; // luma
    size_t sample_count;
    float *background, *canvas; // luma
    struct sprite sprites[SPRITES];
    double x[SPRITES], y[SPRITES];
    bool shown[SPRITES];
    double inferred_x[SPRITES];
    bool inferred[SPRITES]; // was in the frame that was inferred last
    float noise[NOISE_TABLE];
    struct nj_rng rng;
    struct nj_frame *frame;
    struct nj_motion *gate;
};

// Where each person comes from (a frame and an id of the ground truth, away from others), and where
// the person's feet begin in the clip.
static const struct {
    int32_t frame;
    int64_t id;
    double x, y;
} origins[SPRITES] = {
    {100, 9, 120, 260}, {100, 19, 80, 170}, {500, 10, 200, 380}, {300, 14, 60, 300}};

static int keep_luma(struct clip *clip, const struct nj_frame *frame, uint8_t **out)
{
    uint8_t *luma = malloc((size_t)clip->width * (size_t)clip->height);
    if (luma == NULL)
        return NJ_E_NOMEM;
    for (int32_t y = 0; y < clip->height; y++)
        memcpy(luma + (size_t)y * (size_t)clip->width,
               frame->planes[0] + (ptrdiff_t)y * frame->strides[0], (size_t)clip->width);
    *out = luma;
    return 0;
}

static const struct nj_mot_row *find_row(const struct nj_mot_table *gt, int32_t frame, int64_t id)
{
    for (size_t i = 0; i < gt->count; i++)
        if (gt->rows[i].frame == frame && gt->rows[i].id == id)
            return &gt->rows[i];
    return NULL;
}

// The person's pixels; what belongs to the background is taken out later.
static int cut_sprite(struct clip *clip, const struct nj_frame *frame, int which,
                      const struct nj_mot_row *row)
{
    struct sprite *sprite = &clip->sprites[which];
    const int32_t left = (int32_t)row->x - 1;
    const int32_t top = (int32_t)row->y - 1;
    sprite->w = (int32_t)row->w;
    sprite->h = (int32_t)row->h;
    if (left < 0 || top < 0 || sprite->w > SPRITE_SIDE_MAX || sprite->h > SPRITE_SIDE_MAX ||
        left + sprite->w > clip->width || top + sprite->h > clip->height)
        return NJ_E_INVALID;
    for (int32_t y = 0; y < sprite->h; y++)
        for (int32_t x = 0; x < sprite->w; x++)
            sprite->luma[y * sprite->w + x] =
                frame->planes[0][(ptrdiff_t)(top + y) * frame->strides[0] + left + x];
    return 0;
}

static int take_frame(struct clip *clip, const struct nj_frame *frame, int32_t number,
                      const struct nj_mot_table *gt)
{
    int rc = 0;
    if (number % MEDIAN_EVERY == 0 && clip->sample_count < MEDIAN_FRAMES) {
        rc = keep_luma(clip, frame, &clip->samples[clip->sample_count]);
        clip->sample_count += rc == 0;
    }
    for (int i = 0; i < SPRITES && rc == 0; i++) {
        if (origins[i].frame != number)
            continue;
        const struct nj_mot_row *row = find_row(gt, number, origins[i].id);
        rc = row != NULL ? cut_sprite(clip, frame, i, row) : NJ_E_NOT_FOUND;
    }
    return rc;
}

static int read_video(struct clip *clip, const char *path, const struct nj_mot_table *gt,
                      struct nj_error *err)
{
    struct nj_video *video = NULL;
    struct nj_video_info info;
    int rc = nj_video_open(path, NULL, &video, &info, err);
    if (rc != 0)
        return rc;
    clip->width = info.width;
    clip->height = info.height;
    for (int32_t number = 1; rc == 0; number++) {
        struct nj_frame *frame = NULL;
        nj_us pts_us;
        rc = nj_video_next(video, &frame, &pts_us, err);
        if (rc == 0 && take_frame(clip, frame, number, gt) != 0)
            rc = nj_error_set(err, NJ_E_INVALID, "%s is not the video of this ground truth", path);
        nj_frame_unref(frame);
    }
    nj_video_close(video);
    return rc == NJ_E_AGAIN ? 0 : rc;
}

static int compare_bytes(const void *a, const void *b)
{
    return *(const uint8_t *)a - *(const uint8_t *)b;
}

static int make_background(struct clip *clip)
{
    const size_t pixels = (size_t)clip->width * (size_t)clip->height;
    clip->background = calloc(pixels, sizeof *clip->background);
    clip->canvas = calloc(pixels, sizeof *clip->canvas);
    if (clip->background == NULL || clip->canvas == NULL || clip->sample_count == 0)
        return NJ_E_NOMEM;
    const size_t middle = clip->sample_count / 2;
    for (size_t i = 0; i < pixels; i++) {
        uint8_t values[MEDIAN_FRAMES] = {0};
        for (size_t k = 0; k < clip->sample_count; k++)
            values[k] = clip->samples[k][i];
        qsort(values, clip->sample_count, 1, compare_bytes);
        clip->background[i] = values[middle];
    }
    return 0;
}

static void mask_sprites(struct clip *clip, const struct nj_mot_table *gt)
{
    for (int i = 0; i < SPRITES; i++) {
        struct sprite *sprite = &clip->sprites[i];
        const struct nj_mot_row *row = find_row(gt, origins[i].frame, origins[i].id);
        const float *behind =
            clip->background + ((ptrdiff_t)row->y - 1) * clip->width + ((ptrdiff_t)row->x - 1);
        for (int32_t y = 0; y < sprite->h; y++)
            for (int32_t x = 0; x < sprite->w; x++) {
                const float own = sprite->luma[y * sprite->w + x];
                const float difference = own - behind[(ptrdiff_t)y * clip->width + x];
                sprite->own[y * sprite->w + x] = fabsf(difference) > OWN_LEVELS ? 1 : 0;
            }
        clip->x[i] = origins[i].x;
        clip->y[i] = origins[i].y - sprite->h;
    }
}

// Adds the sprite at a place between pixels: each of its pixels falls on two of the canvas.
static void draw_sprite(struct clip *clip, int which)
{
    const struct sprite *sprite = &clip->sprites[which];
    const int32_t left = (int32_t)floor(clip->x[which]);
    const int32_t top = (int32_t)clip->y[which];
    const float part = (float)(clip->x[which] - left);
    for (int32_t y = 0; y < sprite->h; y++) {
        float *to = clip->canvas + (ptrdiff_t)(top + y) * clip->width + left;
        const float *luma = sprite->luma + (ptrdiff_t)y * sprite->w;
        const float *own = sprite->own + (ptrdiff_t)y * sprite->w;
        for (int32_t x = 0; x <= sprite->w; x++) {
            const float here = x < sprite->w ? own[x] * (1 - part) : 0;
            const float before = x > 0 ? own[x - 1] * part : 0;
            const float value =
                (x < sprite->w ? here * luma[x] : 0) + (x > 0 ? before * luma[x - 1] : 0);
            to[x] = to[x] * (1 - here - before) + value;
        }
    }
}

static void make_noise(struct clip *clip)
{
    nj_rng_seed(&clip->rng, 1);
    for (size_t i = 0; i < NOISE_TABLE; i++) {
        double sum = 0;
        for (int k = 0; k < 12; k++)
            sum += nj_rng_uniform(&clip->rng);
        clip->noise[i] = (float)((sum - 6) * noise_levels);
    }
}

static void draw(struct clip *clip, double light)
{
    const size_t pixels = (size_t)clip->width * (size_t)clip->height;
    memcpy(clip->canvas, clip->background, pixels * sizeof *clip->canvas);
    for (int i = 0; i < SPRITES; i++)
        if (clip->shown[i])
            draw_sprite(clip, i);
    uint8_t *luma = (uint8_t *)(uintptr_t)clip->frame->planes[0];
    for (int32_t y = 0; y < clip->height; y++) {
        size_t at = nj_rng_below(&clip->rng, NOISE_TABLE);
        for (int32_t x = 0; x < clip->width; x++, at = (at + 1) % NOISE_TABLE) {
            const float value =
                clip->canvas[(ptrdiff_t)y * clip->width + x] * (float)light + clip->noise[at];
            luma[(ptrdiff_t)y * clip->frame->strides[0] + x] =
                (uint8_t)(value < 0     ? 0
                          : value > 255 ? 255
                                        : value + 0.5F);
        }
    }
}

// How much of the person the box of the last inferred frame still covers.
static double kept_overlap(const struct clip *clip, int which)
{
    const double moved = fabs(clip->x[which] - clip->inferred_x[which]);
    const double w = clip->sprites[which].w;
    return moved < w ? (w - moved) / (w + moved) : 0.0;
}

static void count(struct clip *clip, const struct stretch *stretch, bool inferred,
                  struct gate_result *out)
{
    bool still = true;
    for (int i = 0; i < SPRITES; i++) {
        const bool moving = clip->shown[i] && stretch->speed_px[i] > 0;
        still = still && !moving;
        if (inferred) {
            clip->inferred[i] = clip->shown[i];
            clip->inferred_x[i] = clip->x[i];
        }
        if (!clip->shown[i])
            continue;
        out->pairs++;
        out->pairs_lost += !clip->inferred[i] || kept_overlap(clip, i) < overlap_least;
        out->moving_pairs += moving;
        out->moving_pairs_skipped += moving && !inferred;
    }
    out->frames++;
    out->still_frames += still;
    out->still_skipped += still && !inferred;
}

static int play(struct clip *clip, struct gate_result *out)
{
    int rc = 0;
    for (size_t s = 0; s < NJ_COUNT_OF(stretches); s++) {
        const struct stretch *stretch = &stretches[s];
        memcpy(clip->shown, stretch->shown, sizeof clip->shown);
        for (int32_t i = 0; i < stretch->frames && rc == 0; i++) {
            for (int k = 0; k < SPRITES; k++)
                clip->x[k] += stretch->speed_px[k];
            draw(clip, stretch->light);
            struct nj_motion_result verdict;
            clip->frame->captured_mono_us = (nj_us)(out->frames + 1) * NJ_US_PER_S / FPS;
            rc = nj_motion_check(clip->gate, clip->frame, &verdict);
            count(clip, stretch, rc == 0 && verdict.infer, out);
        }
    }
    return rc;
}

static void default_options(struct nj_motion_options *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < nj_motion_option_group.count; i++) {
        const struct nj_option *option = &nj_motion_option_group.options[i];
        double value = 0;
        void *at = (char *)out + option->offset;
        nj_text_to_double(option->fallback, &value);
        if (option->type == NJ_OPTION_NUMBER)
            *(double *)at = value;
        else if (option->type == NJ_OPTION_SECONDS)
            *(nj_us *)at = (nj_us)(value * NJ_US_PER_S);
        else if (option->type == NJ_OPTION_BOOL)
            *(bool *)at = strcmp(option->fallback, "true") == 0;
    }
}

static void clip_destroy(struct clip *clip)
{
    for (size_t i = 0; i < clip->sample_count; i++)
        free(clip->samples[i]);
    nj_frame_unref(clip->frame);
    nj_motion_destroy(clip->gate);
    free(clip->background);
    free(clip->canvas);
    free(clip);
}

int gate_measure(const char *video, const struct nj_mot_table *gt, struct gate_result *out,
                 struct nj_error *err)
{
    struct nj_motion_options options;
    struct clip *clip = calloc(1, sizeof *clip);
    if (clip == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a clip");
    default_options(&options);
    *out = (struct gate_result){0};
    int rc = nj_motion_create(&options, NULL, 0, &clip->gate, err);
    rc = rc != 0 ? rc : read_video(clip, video, gt, err);
    rc = rc != 0 ? rc : make_background(clip);
    rc = rc != 0 ? rc : nj_frame_allocate(clip->width, clip->height, NJ_PIXEL_GRAY, &clip->frame);
    if (rc == 0) {
        mask_sprites(clip, gt);
        make_noise(clip);
        rc = play(clip, out);
    }
    clip_destroy(clip);
    return rc;
}
