// SPDX-License-Identifier: Apache-2.0
// Quality of the tracker over several sequences: one setting's sums per sequence, and a search.
#ifndef NJ_BENCH_TRACKING_HELPER_H
#define NJ_BENCH_TRACKING_HELPER_H

#include "track/mot.h"
#include "track/track.h"

enum { BENCH_SEQUENCES = 7, BENCH_ALL = (1 << BENCH_SEQUENCES) - 1 };

struct bench_sequence {
    const char *name;
    struct nj_mot_table gt, det;
    double fps;
};

// One setting and what it reached on each sequence.
struct bench_trial {
    struct nj_track_options options;
    struct nj_mot_sums *sums[BENCH_SEQUENCES];
};

// The shipped setting, from the option table.
void bench_default_options(struct nj_track_options *out);

int bench_sequences_load(const char *folder, struct bench_sequence out[BENCH_SEQUENCES],
                         struct nj_error *err);
void bench_sequences_free(struct bench_sequence sequences[BENCH_SEQUENCES]);

// Runs trial->options over all sequences. Free with bench_trial_finish, also after a failure.
int bench_trial_run(struct bench_trial *trial, const struct bench_sequence *sequences,
                    struct nj_error *err);
void bench_trial_finish(struct bench_trial *trial);

// A setting drawn from the grid; the same index gives the same setting.
void bench_grid_draw(size_t index, struct nj_track_options *out);

// Pooled metrics; each sequence of `mask` is taken from `first`, the others from `second`.
int bench_pool(const struct bench_trial *first, const struct bench_trial *second, unsigned mask,
               struct nj_mot_metrics *out);

// Index of the trial that is best on the sequences of `mask`, and on nothing else.
size_t bench_choose(const struct bench_trial *trials, size_t count, unsigned mask);

#endif
