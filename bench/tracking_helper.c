// SPDX-License-Identifier: Apache-2.0
// Sequences, settings and their sums for the tracking benchmark.
#include "bench/tracking_helper.h"

#include "util/mem.h"
#include "util/rng.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 4096 };

static const char *const names[BENCH_SEQUENCES] = {"ADL-Rundle-6",  "ETH-Bahnhof", "ETH-Sunnyday",
                                                   "KITTI-17",      "PETS09-S2L1", "TUD-Campus",
                                                   "TUD-Stadtmitte"};

void bench_default_options(struct nj_track_options *out)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < nj_track_option_group.count; i++) {
        const struct nj_option *option = &nj_track_option_group.options[i];
        double value = 0;
        nj_text_to_double(option->fallback, &value);
        void *at = (char *)out + option->offset;
        if (option->type == NJ_OPTION_NUMBER)
            *(double *)at = value;
        else if (option->type == NJ_OPTION_SECONDS)
            *(nj_us *)at = (nj_us)(value * NJ_US_PER_S);
        else
            *(int64_t *)at = (int64_t)value;
    }
}

static int load_table(const char *folder, const char *name, const char *file,
                      struct nj_mot_table *out, struct nj_error *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s/%s", folder, name, file);
    return nj_mot_read(path, out, err);
}

int bench_sequences_load(const char *folder, struct bench_sequence out[BENCH_SEQUENCES],
                         struct nj_error *err)
{
    for (size_t i = 0; i < BENCH_SEQUENCES; i++) {
        char path[PATH_SIZE];
        out[i].name = names[i];
        snprintf(path, sizeof(path), "%s/%s/seqinfo.ini", folder, names[i]);
        int code = nj_mot_read_fps(path, &out[i].fps, err);
        if (code == 0)
            code = load_table(folder, names[i], "gt/gt.txt", &out[i].gt, err);
        if (code == 0)
            code = load_table(folder, names[i], "det/det.txt", &out[i].det, err);
        if (code < 0)
            return code;
    }
    return 0;
}

void bench_sequences_free(struct bench_sequence sequences[BENCH_SEQUENCES])
{
    for (size_t i = 0; i < BENCH_SEQUENCES; i++) {
        nj_mot_free(&sequences[i].gt);
        nj_mot_free(&sequences[i].det);
    }
}

int bench_trial_run(struct bench_trial *trial, const struct bench_sequence *sequences,
                    struct nj_error *err)
{
    for (size_t i = 0; i < BENCH_SEQUENCES; i++) {
        const struct bench_sequence *sequence = &sequences[i];
        struct nj_mot_table result;
        int code = nj_mot_track(&sequence->det, &trial->options, sequence->fps, &result, err);
        if (code < 0)
            return code;
        code = nj_mot_sums_create(&trial->sums[i]);
        if (code == 0)
            code = nj_mot_sums_add(trial->sums[i], &sequence->gt, &result, err);
        nj_mot_free(&result);
        if (code < 0)
            return code;
    }
    return 0;
}

void bench_trial_finish(struct bench_trial *trial)
{
    for (size_t i = 0; i < BENCH_SEQUENCES; i++) {
        nj_mot_sums_destroy(trial->sums[i]);
        trial->sums[i] = NULL;
    }
}

// Values tried per setting. What is not here keeps its default.
static const struct grid_axis {
    size_t offset;
    double values[5];
    size_t count;
} axes[] = {
    {offsetof(struct nj_track_options, new_score), {.8, .85, .9, .95}, 4},
    {offsetof(struct nj_track_options, high_score), {.6, .7, .8, .9}, 4},
    {offsetof(struct nj_track_options, low_score), {.5, .55, .6}, 3},
    {offsetof(struct nj_track_options, iou_gate), {.1, .15, .2, .25, .3}, 5},
    {offsetof(struct nj_track_options, enlarge), {0, .5, 1}, 3},
    {offsetof(struct nj_track_options, lost_share), {.2, .3, .5, .7, 1}, 5},
    {offsetof(struct nj_track_options, measure_noise), {.05, .07, .1, .15}, 4},
    {offsetof(struct nj_track_options, drift_noise), {.1, .25, .4}, 3},
    {offsetof(struct nj_track_options, agility_noise), {.4, .8, 1.2}, 3},
    {offsetof(struct nj_track_options, start_noise), {1, 2, 4}, 3},
};

void bench_grid_draw(size_t index, struct nj_track_options *out)
{
    static const nj_us lost_us[] = {1000 * NJ_US_PER_MS, 1500 * NJ_US_PER_MS, 2000 * NJ_US_PER_MS,
                                    3000 * NJ_US_PER_MS};
    struct nj_rng rng;
    nj_rng_seed(&rng, index);
    bench_default_options(out);
    for (size_t i = 0; i < NJ_COUNT_OF(axes); i++) {
        double *at = (double *)(void *)((char *)out + axes[i].offset);
        *at = axes[i].values[nj_rng_below(&rng, axes[i].count)];
    }
    out->lost_us = lost_us[nj_rng_below(&rng, NJ_COUNT_OF(lost_us))];
    out->confirm_hits = 1 + (int64_t)nj_rng_below(&rng, 2);
}

int bench_pool(const struct bench_trial *first, const struct bench_trial *second, unsigned mask,
               struct nj_mot_metrics *out)
{
    struct nj_mot_sums *sums;
    int code = nj_mot_sums_create(&sums);
    if (code < 0)
        return code;
    for (size_t i = 0; i < BENCH_SEQUENCES; i++) {
        const struct bench_trial *trial = mask >> i & 1 ? first : second;
        if (trial != NULL)
            nj_mot_sums_merge(sums, trial->sums[i]);
    }
    nj_mot_sums_metrics(sums, out);
    nj_mot_sums_destroy(sums);
    return 0;
}

static double pooled_score(const struct bench_trial *trial, unsigned mask)
{
    struct nj_mot_metrics m;
    return bench_pool(trial, NULL, mask, &m) < 0 ? 0 : m.mota + m.idf1 + m.hota;
}

// Pooled figures follow the longest sequence; the plain mean beside them listens to the others.
static double score_of(const struct bench_trial *trial, unsigned mask)
{
    double sum = 0;
    int count = 0;
    for (unsigned i = 0; i < BENCH_SEQUENCES; i++) {
        if (mask >> i & 1) {
            sum += pooled_score(trial, 1u << i);
            count++;
        }
    }
    return pooled_score(trial, mask) + sum / count;
}

size_t bench_choose(const struct bench_trial *trials, size_t count, unsigned mask)
{
    size_t best = 0;
    double best_score = score_of(&trials[0], mask);
    for (size_t i = 1; i < count; i++) {
        double score = score_of(&trials[i], mask);
        if (score > best_score) {
            best_score = score;
            best = i;
        }
    }
    return best;
}
