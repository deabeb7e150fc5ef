// SPDX-License-Identifier: Apache-2.0
// The common form of every benchmark's figures: a table for people, JSON for programs.
#ifndef NJ_BENCH_REPORT_H
#define NJ_BENCH_REPORT_H

#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { BENCH_RESULTS_MAX = 64 };

enum bench_goal { BENCH_NO_GOAL, BENCH_AT_LEAST, BENCH_AT_MOST };

struct bench_result {
    const char *name, *unit; // borrowed; the name is stable, programs look it up
    double value, low, high; // median or the figure itself, and its spread
    double goal;
    enum bench_goal goal_kind;
};

struct bench_report {
    const char *bench; // borrowed
    struct bench_result results[BENCH_RESULTS_MAX];
    size_t count;
};

// Drops results beyond BENCH_RESULTS_MAX.
void bench_report_add(struct bench_report *report, struct bench_result result);

// Sorts `values` (count > 0) and fills value, low and high with median, least and greatest.
void bench_result_spread(struct bench_result *result, double *values, size_t count);

// True without a goal.
bool bench_result_holds(const struct bench_result *result);

// "cpu model, 2 cores, Linux 6.1.0 x86_64".
void bench_machine(char *out, size_t size);

// Prints the table, writes JSON when `json_path` is not NULL. Returns a program's exit code: 0, 1
// when a goal does not hold, 2 when the file could not be written.
int bench_report_finish(const struct bench_report *report, const char *json_path);

// Value of "--name VALUE" in the arguments, or `fallback`.
const char *bench_option(int argc, char **argv, const char *name, const char *fallback);

#endif
