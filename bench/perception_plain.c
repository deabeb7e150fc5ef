// SPDX-License-Identifier: Apache-2.0
// A plain reference detector: RGB frames, bilinear letterbox in float, YOLOX by its definition.
#include "bench/perception_plain.h"

#include "detect/engine_driver.h"
#include "util/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMMAND_SIZE = 4096,
    BOX_VALUES = 5, // cx cy w h objectness, then the classes
    PERSON = 0,
    GREY = 114,
};

struct box {
    float x, y, w, h, score;
};

struct plain {
    const struct plain_setting *setting;
    FILE *frames;
    uint8_t *rgb;
    void *engine, *thread;
    struct nj_engine_info info;
    float factor; // tensor pixels per picture pixel
    struct box *boxes;
    size_t count, capacity;
    struct nj_mot_table table;
    size_t row_capacity;
};

static float pixel(const struct plain *plain, int32_t x, int32_t y, int channel)
{
    const int32_t width = plain->setting->width;
    const int32_t height = plain->setting->height;
    x = x < 0 ? 0 : x >= width ? width - 1 : x;
    y = y < 0 ? 0 : y >= height ? height - 1 : y;
    return (float)plain->rgb[((size_t)y * (size_t)width + (size_t)x) * 3 + (size_t)channel];
}

static float sample(const struct plain *plain, float x, float y, int channel)
{
    const float left = floorf(x);
    const float top = floorf(y);
    const int32_t x0 = (int32_t)left;
    const int32_t y0 = (int32_t)top;
    const float right_part = x - left;
    const float lower_part = y - top;
    const float upper = pixel(plain, x0, y0, channel) * (1 - right_part) +
                        pixel(plain, x0 + 1, y0, channel) * right_part;
    const float lower = pixel(plain, x0, y0 + 1, channel) * (1 - right_part) +
                        pixel(plain, x0 + 1, y0 + 1, channel) * right_part;
    return upper * (1 - lower_part) + lower * lower_part;
}

// Picture top-left, grey right and below; channels B, G, R, values 0 to 255.
static void fill_tensor(struct plain *plain, float *out)
{
    const struct nj_tensor_spec *spec = &plain->setting->model->input;
    const int32_t width = (int32_t)((float)plain->setting->width * plain->factor);
    const int32_t height = (int32_t)((float)plain->setting->height * plain->factor);
    for (int channel = 0; channel < 3; channel++) {
        for (int32_t y = 0; y < spec->height; y++) {
            for (int32_t x = 0; x < spec->width; x++) {
                const float from_x = ((float)x + 0.5F) / plain->factor - 0.5F;
                const float from_y = ((float)y + 0.5F) / plain->factor - 0.5F;
                const bool inside = x < width && y < height;
                *out++ = inside ? sample(plain, from_x, from_y, 2 - channel) : (float)GREY;
            }
        }
    }
}

// The cell's box when its best class is person and sure enough.
static int take_cell(struct plain *plain, const float *cell, const float place[3])
{
    const int32_t classes = plain->setting->model->class_count;
    int best = 0;
    for (int i = 1; i < classes; i++)
        best = cell[BOX_VALUES + i] > cell[BOX_VALUES + best] ? i : best;
    const float score = cell[4] * cell[BOX_VALUES + best];
    if (best != PERSON || score < (float)plain->setting->threshold)
        return 0;
    int rc = nj_array_reserve((void **)&plain->boxes, &plain->capacity, plain->count + 1,
                              sizeof *plain->boxes);
    if (rc != 0)
        return rc;
    const float stride = place[2];
    struct box box = {.w = expf(cell[2]) * stride, .h = expf(cell[3]) * stride, .score = score};
    box.x = (cell[0] + place[0]) * stride - box.w / 2;
    box.y = (cell[1] + place[1]) * stride - box.h / 2;
    plain->boxes[plain->count++] = box;
    return 0;
}

static int decode(struct plain *plain, const float *output)
{
    const struct nj_tensor_spec *spec = &plain->setting->model->input;
    const size_t values = (size_t)plain->setting->model->class_count + BOX_VALUES;
    int rc = 0;
    plain->count = 0;
    for (int32_t stride = 8; stride <= 32; stride *= 2)
        for (int32_t y = 0; y < spec->height / stride; y++)
            for (int32_t x = 0; x < spec->width / stride && rc == 0; x++, output += values)
                rc = take_cell(plain, output, (const float[]){(float)x, (float)y, (float)stride});
    return rc;
}

static int by_falling_score(const void *a, const void *b)
{
    const float x = ((const struct box *)a)->score;
    const float y = ((const struct box *)b)->score;
    return (x < y) - (x > y);
}

static float overlap(const struct box *a, const struct box *b)
{
    const float w = fminf(a->x + a->w, b->x + b->w) - fmaxf(a->x, b->x);
    const float h = fminf(a->y + a->h, b->y + b->h) - fmaxf(a->y, b->y);
    const float common = w > 0 && h > 0 ? w * h : 0;
    return common / (a->w * a->h + b->w * b->h - common);
}

static int keep_row(struct plain *plain, const struct box *box, int32_t frame)
{
    const float right = fminf((box->x + box->w) / plain->factor, (float)plain->setting->width);
    const float bottom = fminf((box->y + box->h) / plain->factor, (float)plain->setting->height);
    const float x = fmaxf(box->x / plain->factor, 0);
    const float y = fmaxf(box->y / plain->factor, 0);
    int rc = nj_array_reserve((void **)&plain->table.rows, &plain->row_capacity,
                              plain->table.count + 1, sizeof *plain->table.rows);
    if (rc == 0)
        plain->table.rows[plain->table.count++] = (struct nj_mot_row){.frame = frame,
                                                                      .id = -1,
                                                                      .x = (double)x + 1,
                                                                      .y = (double)y + 1,
                                                                      .w = (double)(right - x),
                                                                      .h = (double)(bottom - y),
                                                                      .score = (double)box->score};
    return rc;
}

static int suppress(struct plain *plain, int32_t frame)
{
    qsort(plain->boxes, plain->count, sizeof *plain->boxes, by_falling_score);
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < plain->count && rc == 0; i++) {
        const struct box box = plain->boxes[i];
        bool free_place = true;
        for (size_t k = 0; k < kept && free_place; k++)
            free_place = overlap(&plain->boxes[k], &box) <= (float)plain->setting->model->nms_iou;
        if (!free_place)
            continue;
        plain->boxes[kept++] = box;
        rc = keep_row(plain, &box, frame);
    }
    return rc;
}

static int run_frame(struct plain *plain, int32_t frame, struct nj_error *err)
{
    const float *outputs[NJ_ENGINE_OUTPUTS_MAX];
    fill_tensor(plain, nj_engine_onnx.input(plain->thread, 0));
    int rc = nj_engine_onnx.run(plain->thread, 1, outputs, err);
    rc = rc != 0 ? rc : decode(plain, outputs[0]);
    rc = rc != 0 ? rc : suppress(plain, frame);
    plain->table.frames = frame;
    return rc;
}

static int set_up(struct plain *plain, struct nj_error *err)
{
    const struct plain_setting *setting = plain->setting;
    const struct nj_tensor_spec *spec = &setting->model->input;
    char command[COMMAND_SIZE];
    if (setting->model->decoder != NJ_DECODER_YOLOX || strchr(setting->video, '\'') != NULL)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "the plain reference knows YOLOX only");
    const float across = (float)spec->width / (float)setting->width;
    const float down = (float)spec->height / (float)setting->height;
    plain->factor = fminf(across, down);
    plain->rgb = malloc((size_t)setting->width * (size_t)setting->height * 3);
    snprintf(command, sizeof command, "ffmpeg -v error -i '%s' -f rawvideo -pix_fmt rgb24 -",
             setting->video);
    plain->frames = popen(command, "r");
    if (plain->rgb == NULL || plain->frames == NULL)
        return nj_error_set(err, NJ_E_IO, "ffmpeg could not be started");
    const struct nj_engine_config config = {
        .options = setting->options, .model = setting->model, .clock = nj_clock_real()};
    int rc = nj_engine_onnx.create(&config, &plain->engine, err);
    rc = rc != 0 ? rc : nj_engine_onnx.thread_create(plain->engine, &plain->thread, err);
    if (rc == 0)
        nj_engine_onnx.describe(plain->engine, &plain->info);
    return rc;
}

static void tear_down(struct plain *plain)
{
    if (plain->frames != NULL)
        pclose(plain->frames);
    if (plain->engine != NULL) {
        nj_engine_onnx.thread_destroy(plain->thread);
        nj_engine_onnx.destroy(plain->engine);
    }
    free(plain->rgb);
    free(plain->boxes);
}

int plain_detect(const struct plain_setting *setting, struct nj_mot_table *out,
                 struct nj_error *err)
{
    struct plain plain = {.setting = setting};
    const size_t bytes = (size_t)setting->width * (size_t)setting->height * 3;
    int rc = set_up(&plain, err);
    for (int32_t frame = 1; rc == 0 && (setting->frames_max == 0 || frame <= setting->frames_max);
         frame++) {
        if (fread(plain.rgb, 1, bytes, plain.frames) != bytes)
            break;
        rc = run_frame(&plain, frame, err);
    }
    if (rc == 0 && plain.table.frames == 0)
        rc = nj_error_set(err, NJ_E_IO, "ffmpeg gave no frame of %s", setting->video);
    tear_down(&plain);
    if (rc != 0)
        nj_mot_free(&plain.table);
    else
        *out = plain.table;
    return rc;
}
