// SPDX-License-Identifier: Apache-2.0
// What the commands of `nightjar eval` share.
#ifndef NJ_CLI_CLI_EVAL_H
#define NJ_CLI_CLI_EVAL_H

#include "cli/cli.h"
#include "track/mot.h"

// The commands. argv[0] is the command's own name. Each tracks, writes the tracks when asked to,
// and prints the metrics. Returns the program's exit code: 0, 1 on failure, 2 on wrong usage.
int nj_cli_eval_mot(int argc, char **argv);   // detections of a MOT file
int nj_cli_eval_video(int argc, char **argv); // from pixels: frame k of a video is frame k of --gt

extern const char nj_cli_eval_mot_usage[], nj_cli_eval_video_usage[];

struct nj_cli_eval_task {
    const struct nj_mot_table *detections;
    const struct nj_track_options *options;
    double fps;
    const char *gt;  // path of the ground truth
    const char *out; // path for the tracks; NULL: they are not kept
};

// Tracks, writes, and measures against the ground truth. Detections that all have ids are tracks
// already, of whatever program: they are measured as they are.
int nj_cli_eval_run(const struct nj_cli_eval_task *task, struct nj_mot_metrics *out,
                    struct nj_error *err);

// Takes --config and --set out of argv and loads. Nothing else may be left in it: else
// NJ_E_INVALID, with `err` as it was. nj_config_unref *out.
int nj_cli_eval_config(int *argc, char **argv, struct nj_config **out, struct nj_error *err);

// What a command ends with: the metrics, as a table or as one JSON object, or `err` when `rc` is
// negative. Returns the exit code of the command.
int nj_cli_eval_end(const char *command, int rc, const struct nj_error *err,
                    const struct nj_mot_metrics *metrics, bool as_json);

// The words of the call were wrong: says why, or how they should be when `err` says nothing.
int nj_cli_eval_refuse(const char *command, const struct nj_error *err, const char *usage);

#endif
