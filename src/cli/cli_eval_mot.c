// SPDX-License-Identifier: Apache-2.0
// nightjar eval mot: tracks the detections of a MOTChallenge file and measures the result.
#include "cli/cli_eval.h"

#include "config/config.h"
#include "util/error.h"
#include "util/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 4096 };

static const double FPS_FALLBACK = 30; // of a file without seqinfo.ini

const char nj_cli_eval_mot_usage[] =
    "usage: nightjar eval mot --det FILE --gt FILE [--out FILE] [--fps N] [--json]\n"
    "                         [--config FILE] [--set track.NAME=VALUE]...\n"
    "Tracks the detections, writes the tracks to --out, and prints MOTA, IDF1 and HOTA.\n"
    "A file whose rows all have ids is a tracker's result already: it is measured as it is.\n"
    "Without --fps the frame rate comes from seqinfo.ini beside the folder of --det, else 30.\n";

struct arguments {
    const char *det, *gt, *out;
    double fps; // 0: not said
};

static int read_fps(const char *text, double *out, struct nj_error *err)
{
    double fps = 0;
    if (nj_text_to_double(text, &fps) < 0 || !(fps > 0) || fps > NJ_MOT_FPS_MAX)
        return nj_error_set(err, NJ_E_INVALID, "--fps needs a number above 0 and at most %d",
                            NJ_MOT_FPS_MAX);
    *out = fps;
    return 0;
}

// <folder of det>/../seqinfo.ini, as MOTChallenge lays its sequences out.
static int find_fps(const struct arguments *args, double *out, struct nj_error *err)
{
    if (args->fps > 0) {
        *out = args->fps;
        return 0;
    }
    char path[PATH_SIZE];
    const char *slash = strrchr(args->det, '/');
    int folder = slash == NULL ? 0 : (int)(slash - args->det + 1);
    int length = snprintf(path, sizeof(path), "%.*s../seqinfo.ini", folder, args->det);
    int rc = length < (int)sizeof(path) ? nj_mot_read_fps(path, out, err) : NJ_E_NOT_FOUND;
    if (rc != NJ_E_NOT_FOUND)
        return rc;
    *out = FPS_FALLBACK;
    return 0;
}

static int run(const struct arguments *args, const struct nj_config *config,
               struct nj_mot_metrics *out, struct nj_error *err)
{
    struct nj_mot_table det = {0};
    struct nj_cli_eval_task task = {.detections = &det,
                                    .options = nj_config_get(config, &nj_track_option_group),
                                    .gt = args->gt,
                                    .out = args->out};
    int rc = find_fps(args, &task.fps, err);
    if (rc == 0)
        rc = nj_mot_read(args->det, &det, err);
    if (rc == 0)
        rc = nj_cli_eval_run(&task, out, err);
    nj_mot_free(&det);
    return rc;
}

int nj_cli_eval_mot(int argc, char **argv)
{
    bool json = nj_cli_flag(&argc, argv, "--json");
    struct arguments args = {
        .det = nj_cli_value(&argc, argv, "--det"),
        .gt = nj_cli_value(&argc, argv, "--gt"),
        .out = nj_cli_value(&argc, argv, "--out"),
    };
    const char *fps = nj_cli_value(&argc, argv, "--fps");
    struct nj_config *config = NULL;
    struct nj_mot_metrics metrics;
    struct nj_error err = {0};
    int rc = args.det == NULL || args.gt == NULL ? NJ_E_INVALID : 0; // the usage says it
    if (rc == 0 && fps != NULL)
        rc = read_fps(fps, &args.fps, &err);
    if (rc == 0)
        rc = nj_cli_eval_config(&argc, argv, &config, &err);
    if (rc != 0)
        return nj_cli_eval_refuse("eval mot", &err, nj_cli_eval_mot_usage);
    rc = run(&args, config, &metrics, &err);
    nj_config_unref(config);
    return nj_cli_eval_end("eval mot", rc, &err, &metrics, json);
}
