// SPDX-License-Identifier: Apache-2.0
// The command `nightjar eval mot`.
#ifndef NJ_CLI_CLI_EVAL_MOT_H
#define NJ_CLI_CLI_EVAL_MOT_H

// argv[0] is the command's own name. Tracks detections of a MOT file, writes the tracks when asked
// to, and prints the metrics. Returns the program's exit code: 0, 1 on failure, 2 on wrong usage.
int nj_cli_eval_mot(int argc, char **argv);

#endif
