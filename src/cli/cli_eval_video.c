// SPDX-License-Identifier: Apache-2.0
// nightjar eval video: detects on every frame of a video, tracks, and measures against ground
// truth.
#include "cli/cli_eval.h"

#include "detect/detect.h"
#include "frames/video.h"
#include "pipeline/live.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

static const double FPS_FALLBACK = 30; // of a video that does not say

const char nj_cli_eval_video_usage[] =
    "usage: nightjar eval video --video FILE --gt FILE [--class NAME] [--det-out FILE]\n"
    "                           [--out FILE] [--json] [--config FILE] [--set GROUP.NAME=VALUE]...\n"
    "Detects NAME (person) on every frame, tracks, and prints MOTA, IDF1 and HOTA.\n";

struct watching {
    const char *video, *gt, *class_name, *det_out, *out;
    struct nj_config *config;
    struct nj_log *log;
    struct nj_detector *detector;
    struct nj_detector_thread *thread;
    struct nj_detections *found;
    struct nj_mot_table det;
    size_t capacity;
    double fps;
};

static int keep(struct watching *watching, int32_t frame, struct nj_error *err)
{
    const struct nj_detections *found = watching->found;
    struct nj_mot_table *det = &watching->det;
    int rc = nj_array_reserve((void **)&det->rows, &watching->capacity, det->count + found->count,
                              sizeof *det->rows);
    if (rc != 0)
        return nj_error_set(err, rc, "out of memory");
    for (size_t i = 0; i < found->count; i++) {
        const struct nj_detection *item = &found->items[i];
        const char *name = nj_detector_class_name(watching->detector, item->class_id);
        if (strcmp(name, watching->class_name) != 0)
            continue;
        // MOT files count pixels from 1.
        det->rows[det->count++] = (struct nj_mot_row){.frame = frame,
                                                      .id = -1,
                                                      .x = (double)item->box.x + 1,
                                                      .y = (double)item->box.y + 1,
                                                      .w = (double)item->box.w,
                                                      .h = (double)item->box.h,
                                                      .score = (double)item->confidence};
    }
    det->frames = frame;
    return 0;
}

static int watch_frames(struct watching *watching, struct nj_video *video, struct nj_error *err)
{
    int32_t number = 0;
    for (;;) {
        struct nj_frame *frame = NULL;
        nj_us pts_us = 0;
        int rc = nj_video_next(video, &frame, &pts_us, err);
        if (rc == NJ_E_AGAIN)
            return 0;
        struct nj_detect_request request = {.frames = &frame, .count = 1};
        if (rc == 0)
            rc = nj_detector_run(watching->thread, &request, watching->found, err);
        if (rc == 0)
            rc = keep(watching, ++number, err);
        nj_frame_unref(frame);
        if (rc != 0)
            return rc;
    }
}

static int detect_video(struct watching *watching, struct nj_error *err)
{
    struct nj_video *video = NULL;
    struct nj_video_info info;
    int rc = nj_video_open(watching->video, NULL, &video, &info, err);
    if (rc != 0)
        return rc;
    watching->fps = info.fps > 0 ? info.fps : FPS_FALLBACK;
    watching->found = calloc(1, sizeof *watching->found);
    if (watching->found == NULL)
        rc = nj_error_set(err, NJ_E_NOMEM, "out of memory");
    else
        rc = watch_frames(watching, video, err);
    nj_video_close(video);
    if (rc == 0 && watching->det_out != NULL)
        rc = nj_mot_write(watching->det_out, &watching->det, err);
    return rc;
}

static int prepare(struct watching *watching, struct nj_error *err)
{
    watching->log = nj_cli_log();
    struct nj_detector_config detector = {
        .options = nj_config_get(watching->config, &nj_detect_option_group),
        .clock = nj_clock_real(),
        .log = watching->log};
    int rc = nj_detector_create(&detector, &watching->detector, err);
    return rc == 0 ? nj_detector_thread_create(watching->detector, &watching->thread, err) : rc;
}

static int run(struct watching *watching, struct nj_mot_metrics *out, struct nj_error *err)
{
    int rc = prepare(watching, err);
    if (rc == 0)
        rc = detect_video(watching, err);
    if (rc != 0)
        return rc;
    struct nj_track_options options;
    nj_live_track_options(nj_config_get(watching->config, &nj_track_option_group),
                          nj_config_get(watching->config, &nj_live_option_group),
                          nj_detector_threshold(watching->detector), &options);
    const struct nj_cli_eval_task task = {.detections = &watching->det,
                                          .options = &options,
                                          .fps = watching->fps,
                                          .gt = watching->gt,
                                          .out = watching->out};
    return nj_cli_eval_run(&task, out, err);
}

static void finish(struct watching *watching)
{
    nj_mot_free(&watching->det);
    free(watching->found);
    nj_detector_thread_destroy(watching->thread);
    nj_detector_destroy(watching->detector);
    nj_log_destroy(watching->log);
    nj_config_unref(watching->config);
}

int nj_cli_eval_video(int argc, char **argv)
{
    bool json = nj_cli_flag(&argc, argv, "--json");
    struct watching watching = {
        .video = nj_cli_value(&argc, argv, "--video"),
        .gt = nj_cli_value(&argc, argv, "--gt"),
        .class_name = nj_cli_value(&argc, argv, "--class"),
        .det_out = nj_cli_value(&argc, argv, "--det-out"),
        .out = nj_cli_value(&argc, argv, "--out"),
    };
    struct nj_mot_metrics metrics;
    struct nj_error err = {0};
    if (watching.class_name == NULL)
        watching.class_name = "person";
    int rc = watching.video == NULL || watching.gt == NULL ? NJ_E_INVALID : 0; // the usage says it
    if (rc == 0)
        rc = nj_cli_eval_config(&argc, argv, &watching.config, &err);
    if (rc != 0)
        return nj_cli_eval_refuse("eval video", &err, nj_cli_eval_video_usage);
    rc = run(&watching, &metrics, &err);
    finish(&watching);
    return nj_cli_eval_end("eval video", rc, &err, &metrics, json);
}
