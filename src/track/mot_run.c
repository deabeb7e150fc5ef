// SPDX-License-Identifier: Apache-2.0
// From detections in a MOT table to tracks in a MOT table.
#include "track/mot.h"

#include "util/file.h"
#include "util/mem.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEQINFO_BYTES_MAX = 64 << 10,
    FPS_TEXT_SIZE = 32,
};

struct run {
    struct nj_tracker *tracker;
    struct nj_track_input *inputs;
    size_t input_capacity;
    struct nj_mot_table result;
    size_t result_capacity;
};

static int add_results(struct run *run, int32_t frame, const struct nj_track *tracks, size_t count)
{
    int code = nj_array_reserve((void **)&run->result.rows, &run->result_capacity,
                                run->result.count + count, sizeof(*run->result.rows));
    if (code < 0)
        return code;
    for (size_t i = 0; i < count; i++) {
        const struct nj_track *track = &tracks[i];
        if (track->input < 0 || track->state != NJ_TRACK_CONFIRMED)
            continue;
        run->result.rows[run->result.count++] = (struct nj_mot_row){.frame = frame,
                                                                    .id = track->id,
                                                                    .x = (double)track->x,
                                                                    .y = (double)track->y,
                                                                    .w = (double)track->w,
                                                                    .h = (double)track->h,
                                                                    .score = (double)track->score};
        run->result.frames = frame;
    }
    return 0;
}

static int run_frame(struct run *run, const struct nj_mot_row *rows, size_t count, int32_t frame,
                     nj_us time_us)
{
    int code = nj_array_reserve((void **)&run->inputs, &run->input_capacity, count + 1,
                                sizeof(*run->inputs));
    if (code < 0)
        return code;
    for (size_t i = 0; i < count; i++)
        run->inputs[i] = (struct nj_track_input){.x = (float)rows[i].x,
                                                 .y = (float)rows[i].y,
                                                 .w = (float)rows[i].w,
                                                 .h = (float)rows[i].h,
                                                 .score = (float)rows[i].score};
    const struct nj_track *tracks;
    size_t track_count;
    const struct nj_track_inputs inputs = {run->inputs, count, time_us};
    code = nj_tracker_update(run->tracker, &inputs, &tracks, &track_count);
    return code < 0 ? code : add_results(run, frame, tracks, track_count);
}

int nj_mot_track(const struct nj_mot_table *detections, const struct nj_track_options *options,
                 double fps, struct nj_mot_table *out, struct nj_error *err)
{
    if (!(fps > 0) || fps > NJ_MOT_FPS_MAX)
        return nj_error_set(err, NJ_E_INVALID, "fps must be above 0 and at most %d",
                            NJ_MOT_FPS_MAX);
    struct run run = {0};
    int code = nj_tracker_create(options, 1, &run.tracker, err);
    if (code < 0)
        return code;
    size_t at = 0;
    for (int32_t frame = 1; frame <= detections->frames; frame++) {
        size_t end = at;
        while (end < detections->count && detections->rows[end].frame == frame)
            end++;
        code = run_frame(&run, detections->rows + at, end - at, frame,
                         (nj_us)((double)(frame - 1) * NJ_US_PER_S / fps));
        if (code < 0) {
            nj_error_set(err, code, "frame %" PRId32 " with %zu detections cannot be tracked",
                         frame, end - at);
            break;
        }
        at = end;
    }
    if (code == 0)
        *out = run.result;
    else
        nj_mot_free(&run.result);
    free(run.inputs);
    nj_tracker_destroy(run.tracker);
    return code;
}

int nj_mot_read_fps(const char *path, double *out, struct nj_error *err)
{
    static const char key[] = "frameRate=";
    char *text;
    size_t length;
    int code = nj_file_read(path, SEQINFO_BYTES_MAX, &text, &length, err);
    if (code < 0)
        return code;
    const char *at = strstr(text, key);
    char number[FPS_TEXT_SIZE] = "";
    if (at != NULL) {
        at += strlen(key);
        size_t digits = strcspn(at, "\r\n \t");
        if (digits < sizeof(number))
            memcpy(number, at, digits);
    }
    double fps;
    code = nj_text_to_double(number, &fps);
    if (code < 0 || !(fps > 0) || fps > NJ_MOT_FPS_MAX)
        code = nj_error_set(err, NJ_E_INVALID, "%s: no usable frameRate", path);
    else
        *out = fps;
    free(text);
    return code;
}
