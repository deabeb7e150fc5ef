// SPDX-License-Identifier: Apache-2.0
// What the commands of `nightjar eval` share.
#ifndef NJ_CLI_CLI_EVAL_H
#define NJ_CLI_CLI_EVAL_H

#include "track/mot.h"

#include <stdbool.h>

// Metrics of `result` against the ground truth in the file.
int nj_cli_eval_measure(const char *gt_path, const struct nj_mot_table *result,
                        struct nj_mot_metrics *out, struct nj_error *err);

// Prints them, as a table or one JSON object; returns the program's exit code.
int nj_cli_eval_print(const struct nj_mot_metrics *metrics, bool as_json);

#endif
