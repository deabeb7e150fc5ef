// SPDX-License-Identifier: Apache-2.0
// nightjar mpta run: an archive on pictures and videos, one after the other.
#include "cli/cli_mpta.h"
#include "cli/cli_mpta_world.h"
#include "frames/picture.h"
#include "frames/video.h"
#include "util/digest.h"
#include "util/file.h"
#include "util/json_writer.h"
#include "util/mem.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OUTPUT_MAX = 16 * 1024 * 1024,
    CONFIDENCE_DIGITS = 4,
    PIXEL_DIGITS = 1,
    MS_DIGITS = 3,
    VIDEO_INTERVAL_US = NJ_US_PER_S, // between the frames of a video that are looked at
    VIDEO_FRAMES_MAX = 60,
    SHOWN_MAX = 256
};

struct running {
    const struct nj_cli_mpta *mpta;
    struct nj_cli_world *world;
    struct nj_picture_decoder *decoder;
    const struct nj_picture_limits *limits;
    char **files;
    int count, next; // of files
    // Of the video that is being looked at.
    struct nj_video *video;
    nj_us times[VIDEO_FRAMES_MAX], shown_us;
    size_t time_count, time_index;
    const char *file;
    struct nj_frame *frame;
    char session_id[NJ_UUID_SIZE]; // each picture has a session of its own
    struct nj_run run;
    struct nj_call go_on;
    struct nj_buf out;
    struct nj_json_writer writer;
    int failed;
};

static void say_failed(struct running *running, const struct nj_error *err)
{
    char name[SHOWN_MAX];
    nj_text_printable(name, sizeof name, running->file);
    fprintf(stderr, "nightjar mpta run: %s: %s\n", name, err->text);
    running->failed = 1;
}

static void write_detection(struct nj_json_writer *writer, const struct nj_run_detection *found)
{
    const struct nj_rect *box = &found->detection.box;
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "class", found->label);
    nj_json_fixed(writer, "confidence", (double)found->detection.confidence, CONFIDENCE_DIGITS);
    nj_json_object_begin(writer, "bbox");
    nj_json_fixed(writer, "x", (double)box->x, PIXEL_DIGITS);
    nj_json_fixed(writer, "y", (double)box->y, PIXEL_DIGITS);
    nj_json_fixed(writer, "width", (double)box->w, PIXEL_DIGITS);
    nj_json_fixed(writer, "height", (double)box->h, PIXEL_DIGITS);
    nj_json_object_end(writer);
    nj_json_object_end(writer);
}

static void write_raw(struct nj_json_writer *writer, const char *key, const char *json)
{
    if (json != NULL)
        nj_json_raw(writer, key, json, strlen(json));
    else
        nj_json_null(writer, key);
}

static void write_json(struct running *running, const struct nj_run_result *result)
{
    struct nj_json_writer *writer = &running->writer;
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "file", running->file);
    if (running->video != NULL)
        nj_json_fixed(writer, "seconds", (double)running->shown_us / NJ_US_PER_S, MS_DIGITS);
    nj_json_bool(writer, "found", result->found);
    nj_json_text(writer, "why_not", result->why_not[0] != '\0' ? result->why_not : NULL);
    nj_json_text(writer, "session_id", result->session_id);
    nj_json_fixed(writer, "ms", (double)(result->finished_us - result->started_us) / NJ_US_PER_MS,
                  MS_DIGITS);
    nj_json_array_begin(writer, "detections");
    for (size_t i = 0; i < result->detection_count; i++)
        write_detection(writer, &result->detections[i]);
    nj_json_array_end(writer);
    write_raw(writer, "branch_results", result->branch_results);
    write_raw(writer, "detection", result->detection);
    nj_json_object_end(writer);
}

static void print_text(struct running *running, const struct nj_run_result *result)
{
    char name[SHOWN_MAX], at[32] = "";
    nj_text_printable(name, sizeof name, running->file);
    if (running->video != NULL)
        snprintf(at, sizeof at, " at %.2f s", (double)running->shown_us / NJ_US_PER_S);
    printf("%s%s: %s, %.1f ms\n", name, at, result->found ? "found" : result->why_not,
           (double)(result->finished_us - result->started_us) / NJ_US_PER_MS);
    for (size_t i = 0; i < result->detection_count; i++) {
        const struct nj_run_detection *found = &result->detections[i];
        const struct nj_rect *box = &found->detection.box;
        printf("  %-14s %.2f  at %.0f,%.0f size %.0fx%.0f\n", found->label,
               (double)found->detection.confidence, (double)box->x, (double)box->y, (double)box->w,
               (double)box->h);
    }
    if (result->found && result->branch_results != NULL)
        printf("  branches  %s\n", result->branch_results);
    if (result->found && result->detection != NULL)
        printf("  result    %s\n", result->detection);
    if (ferror(stdout))
        running->world->interrupted = true;
}

// Called from: loop thread.
static void on_done(struct nj_run *run, const struct nj_run_result *result)
{
    struct running *running = NJ_CONTAINER_OF(run, struct running, run);
    if (result->rc != 0)
        say_failed(running, &result->error);
    else if (running->mpta->json)
        write_json(running, result);
    else
        print_text(running, result);
    nj_frame_unref(running->frame);
    running->frame = NULL;
    nj_loop_post(running->world->loop, &running->go_on);
}

static int load_picture(struct running *running, struct nj_error *err)
{
    char *bytes = NULL;
    struct nj_picture_request request = {.limits = running->limits, .strict = true};
    int rc = nj_file_read(running->file, (size_t)running->limits->max_bytes, &bytes,
                          &request.length, err);
    request.bytes = bytes;
    if (rc == 0)
        rc = nj_picture_decode(running->decoder, &request, &running->frame, err);
    free(bytes);
    return rc;
}

static int open_video(struct running *running, struct nj_error *err)
{
    struct nj_video_info info;
    const int rc = nj_video_open(running->file, NULL, &running->video, &info, err);
    if (rc != 0)
        return rc;
    running->time_index = 0;
    running->time_count = nj_video_sample_times(info.duration_us, VIDEO_INTERVAL_US,
                                                VIDEO_FRAMES_MAX, running->times);
    return 0;
}

// Pictures by what they are; what is none may be a video.
static int open_file(struct running *running, struct nj_error *err)
{
    const int rc = load_picture(running, err);
    if (rc != NJ_E_INVALID && rc != NJ_E_UNSUPPORTED && rc != NJ_E_TOO_BIG && rc != NJ_E_CORRUPT)
        return rc;
    struct nj_error as_video = {0};
    return open_video(running, &as_video) == 0 ? NJ_E_AGAIN : rc;
}

static void close_video(struct running *running)
{
    nj_video_close(running->video);
    running->video = NULL;
}

// The next frame in running->frame; NULL: there is none any more.
static void take_frame(struct running *running)
{
    while (running->frame == NULL && !running->world->interrupted) {
        struct nj_error err = {0};
        int rc = 0;
        if (running->video != NULL && running->time_index < running->time_count) {
            rc = nj_video_at(running->video, running->times[running->time_index++], &running->frame,
                             &running->shown_us, &err);
        } else if (running->next < running->count) {
            close_video(running);
            running->file = running->files[running->next++];
            rc = open_file(running, &err);
        } else {
            return;
        }
        if (rc != 0 && rc != NJ_E_AGAIN)
            say_failed(running, &err);
    }
}

// Called from: loop thread. Looks at the next frame, or ends.
static void on_go_on(struct nj_call *call)
{
    struct running *running = NJ_CONTAINER_OF(call, struct running, go_on);
    struct nj_error err = {0};
    take_frame(running);
    if (running->frame == NULL) {
        nj_cli_world_stop(running->world);
        return;
    }
    running->run = (struct nj_run){.pipeline = running->world->pipeline,
                                   .frame = running->frame,
                                   .display_id = "mpta",
                                   .camera_id = "run",
                                   .subscription_id = "mpta;run",
                                   .session_id = running->session_id,
                                   .done = on_done};
    int rc = nj_random_uuid(running->session_id);
    if (rc != 0)
        nj_error_set(&err, rc, "the system gives no random numbers");
    else
        rc = nj_executor_run(running->world->executor, &running->run, &err);
    if (rc == 0)
        return;
    say_failed(running, &err);
    nj_frame_unref(running->frame);
    running->frame = NULL;
    nj_loop_post(running->world->loop, &running->go_on);
}

static void run_all(struct running *running)
{
    running->go_on.fn = on_go_on;
    nj_buf_init(&running->out, OUTPUT_MAX);
    nj_json_init(&running->writer, &running->out);
    nj_json_array_begin(&running->writer, NULL);
    nj_loop_post(running->world->loop, &running->go_on);
    nj_loop_run(running->world->loop);
    nj_json_array_end(&running->writer);
    if (running->mpta->json && nj_buf_failed(&running->out) == 0)
        printf("%s\n", running->out.data);
    else if (running->mpta->json)
        running->failed = 1;
    nj_buf_finish(&running->out);
    close_video(running);
}

static void say_actions(const struct nj_cli_world *world, const char *keep)
{
    const struct nj_action_stats *stats = &world->stats;
    if (stats->done + stats->skipped + stats->failed > 0)
        fprintf(stderr, "actions: %" PRIu64 " done, %" PRIu64 " skipped, %" PRIu64 " failed%s%s\n",
                stats->done, stats->skipped, stats->failed, keep != NULL ? "; kept in " : "",
                keep != NULL ? keep : "");
}

int nj_cli_mpta_run(const struct nj_cli_mpta *mpta, int argc, char **argv, struct nj_error *err)
{
    struct nj_cli_world world = {0};
    if (argc < 3) {
        nj_error_set(err, NJ_E_INVALID, "name an archive and at least one picture or video");
        return NJ_EXIT_USAGE;
    }
    struct running running = {.mpta = mpta, .world = &world, .files = argv + 2, .count = argc - 2};
    running.limits = nj_config_get(mpta->config, &nj_picture_option_group);
    int rc = nj_cli_world_start(&world, mpta, argv[1], err);
    if (rc == 0)
        rc = nj_picture_decoder_create(&running.decoder);
    if (rc == 0) {
        run_all(&running);
        if (world.interrupted)
            rc = nj_error_set(err, NJ_E_CANCELLED, "interrupted");
        say_actions(&world, mpta->keep);
    } else if (err->code == 0) {
        nj_error_set(err, rc, "out of memory");
    }
    nj_picture_decoder_destroy(running.decoder);
    nj_cli_world_finish(&world);
    return rc == 0 && !running.failed ? NJ_EXIT_OK : NJ_EXIT_FAILED;
}
