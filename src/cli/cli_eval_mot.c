// SPDX-License-Identifier: Apache-2.0
// nightjar eval mot: tracks the detections of a MOTChallenge file and measures the result.
#include "cli/cli_eval_mot.h"

#include "cli/cli.h"
#include "cli/cli_eval.h"
#include "config/config.h"
#include "track/mot.h"
#include "track/mot_run.h"
#include "track/track.h"
#include "util/error.h"
#include "util/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 4096 };

static const double FPS_FALLBACK = 30; // of a file without seqinfo.ini

static const char usage[] =
    "usage: nightjar eval mot --det FILE --gt FILE [--out FILE] [--fps N] [--json]\n"
    "                         [--config FILE] [--set track.NAME=VALUE]...\n"
    "Tracks the detections, writes the tracks to --out, and prints MOTA, IDF1 and HOTA.\n"
    "Without --fps the frame rate comes from seqinfo.ini beside the folder of --det, else 30.\n";

struct arguments {
    const char *det, *gt, *out, *fps;
    struct nj_cli_config cli;
};

// <folder of det>/../seqinfo.ini, as MOTChallenge lays its sequences out.
static int find_fps(const struct arguments *args, double *out, struct nj_error *err)
{
    if (args->fps != NULL) {
        if (nj_text_to_double(args->fps, out) < 0)
            return nj_error_set(err, NJ_E_INVALID, "--fps '%s' is not a number", args->fps);
        return 0;
    }
    char path[PATH_SIZE];
    const char *slash = strrchr(args->det, '/');
    int folder = slash == NULL ? 0 : (int)(slash - args->det + 1);
    int length = snprintf(path, sizeof(path), "%.*s../seqinfo.ini", folder, args->det);
    int code = length < (int)sizeof(path) ? nj_mot_read_fps(path, out, err) : NJ_E_NOT_FOUND;
    if (code != NJ_E_NOT_FOUND)
        return code;
    *out = FPS_FALLBACK;
    return 0;
}

static int track_file(const struct arguments *args, struct nj_mot_table *out, struct nj_error *err)
{
    struct nj_config *config = NULL;
    struct nj_mot_table det = {0};
    double fps;
    int code = nj_cli_config_load(&args->cli, &config, err);
    if (code == 0)
        code = find_fps(args, &fps, err);
    if (code == 0)
        code = nj_mot_read(args->det, &det, err);
    if (code == 0)
        code = nj_mot_track(&det, nj_config_get(config, &nj_track_option_group), fps, out, err);
    if (code == 0 && args->out != NULL) {
        code = nj_mot_write(args->out, out, err);
        if (code < 0)
            nj_mot_free(out);
    }
    nj_mot_free(&det);
    nj_config_unref(config);
    return code;
}

static int measure(const struct arguments *args, struct nj_mot_metrics *out, struct nj_error *err)
{
    struct nj_mot_table result = {0};
    int code = track_file(args, &result, err);
    if (code == 0)
        code = nj_cli_eval_measure(args->gt, &result, out, err);
    nj_mot_free(&result);
    return code;
}

int nj_cli_eval_mot(int argc, char **argv)
{
    bool json = nj_cli_flag(&argc, argv, "--json");
    struct arguments args = {
        .det = nj_cli_value(&argc, argv, "--det"),
        .gt = nj_cli_value(&argc, argv, "--gt"),
        .out = nj_cli_value(&argc, argv, "--out"),
        .fps = nj_cli_value(&argc, argv, "--fps"),
    };
    struct nj_mot_metrics metrics;
    struct nj_error err = {0};
    int code = nj_cli_config_parse(&argc, argv, &args.cli, &err);
    if (code < 0 || argc > 1 || args.det == NULL || args.gt == NULL) {
        nj_cli_config_finish(&args.cli);
        fputs(code < 0 ? err.text : usage, stderr);
        return NJ_EXIT_USAGE;
    }
    code = measure(&args, &metrics, &err);
    nj_cli_config_finish(&args.cli);
    if (code < 0)
        return nj_cli_fail("eval mot", NJ_EXIT_FAILED, err.text);
    return nj_cli_eval_print(&metrics, json);
}
