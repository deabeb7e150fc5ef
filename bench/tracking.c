// SPDX-License-Identifier: Apache-2.0
// Benchmark `tracking`: held-out quality over two folds, quality of the shipped setting, and speed.
//   bench_tracking [--json FILE] [--data FOLDER] [--settings N]
#include "bench/report.h"
#include "bench/tracking_helper.h"
#include "util/mem.h"
#include "util/rng.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SETTINGS = 3000,
    FOLD_SIZE = 3, // splits of three and four sequences are drawn for the spread
    REPEATS = 9,
    SPEED_PASSES = 20,
    CROWD = 200,
    CROWD_FRAMES = 1000,
    CROWD_FPS = 25,
    CROWD_ROWS_MAX = CROWD * 2,
};

// Fold A; all others are fold B. Each has one of the two ETH and one of the two TUD sequences.
static const unsigned FOLD_A = 1u << 1 | 1u << 4 | 1u << 5;

// Detections of one clip as the tracker takes them.
struct clip {
    struct nj_track_input *inputs;
    size_t *first; // index of each frame's first input; one more than frames
    size_t frames;
    double fps;
};

struct walker {
    double x, y, vx, vy, h;
};

static double now_s(void)
{
    // The thread's own time: other programs on the machine do not count.
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int clip_create(struct clip *clip, size_t frames, size_t inputs, double fps)
{
    clip->inputs = calloc(inputs + 1, sizeof(*clip->inputs));
    clip->first = calloc(frames + 1, sizeof(*clip->first));
    clip->frames = frames;
    clip->fps = fps;
    return clip->inputs != NULL && clip->first != NULL ? 0 : NJ_E_NOMEM;
}

static void clip_finish(struct clip *clip)
{
    free(clip->inputs);
    free(clip->first);
}

static int clip_load(struct clip *clip, const struct bench_sequence *sequence)
{
    const struct nj_mot_table *det = &sequence->det;
    int code = clip_create(clip, (size_t)det->frames, det->count, sequence->fps);
    if (code < 0)
        return code;
    for (size_t i = 0; i < det->count; i++) {
        const struct nj_mot_row *row = &det->rows[i];
        clip->inputs[i] = (struct nj_track_input){.x = (float)row->x,
                                                  .y = (float)row->y,
                                                  .w = (float)row->w,
                                                  .h = (float)row->h,
                                                  .score = (float)row->score};
        clip->first[row->frame]++;
    }
    for (size_t f = 1; f <= clip->frames; f++)
        clip->first[f] += clip->first[f - 1];
    return 0;
}

static void walk(struct walker *w)
{
    w->x += w->vx;
    w->y += w->vy;
    if (w->x < 0 || w->x > 1920)
        w->vx = -w->vx;
    if (w->y < 0 || w->y > 1080)
        w->vy = -w->vy;
}

static double jitter(struct nj_rng *rng, double size)
{
    return (nj_rng_uniform(rng) - 0.5) * size;
}

static struct nj_track_input see(struct nj_rng *rng, const struct walker *w)
{
    return (struct nj_track_input){.x = (float)(w->x + jitter(rng, w->h / 10)),
                                   .y = (float)(w->y + jitter(rng, w->h / 10)),
                                   .w = (float)(w->h * (0.4 + jitter(rng, 0.05))),
                                   .h = (float)(w->h * (1 + jitter(rng, 0.1))),
                                   .score = (float)(0.6 + 0.4 * sqrt(nj_rng_uniform(rng)))};
}

// 200 people cross a picture in all directions; one of ten is missed, one of twenty is not there.
static int clip_make_crowd(struct clip *clip)
{
    int code = clip_create(clip, CROWD_FRAMES, (size_t)CROWD_FRAMES * CROWD_ROWS_MAX, CROWD_FPS);
    if (code < 0)
        return code;
    struct nj_rng rng;
    struct walker walkers[CROWD];
    nj_rng_seed(&rng, CROWD);
    for (size_t i = 0; i < CROWD; i++)
        walkers[i] =
            (struct walker){nj_rng_uniform(&rng) * 1920, nj_rng_uniform(&rng) * 1080,
                            jitter(&rng, 8), jitter(&rng, 4), 60 + nj_rng_uniform(&rng) * 60};
    size_t count = 0;
    for (size_t f = 0; f < CROWD_FRAMES; f++) {
        clip->first[f] = count;
        for (size_t i = 0; i < CROWD; i++) {
            walk(&walkers[i]);
            if (nj_rng_below(&rng, 10) > 0)
                clip->inputs[count++] = see(&rng, &walkers[i]);
            struct walker ghost = {nj_rng_uniform(&rng) * 1920, nj_rng_uniform(&rng) * 1080, 0, 0,
                                   60};
            if (nj_rng_below(&rng, 20) == 0)
                clip->inputs[count++] = see(&rng, &ghost);
        }
    }
    clip->first[CROWD_FRAMES] = count;
    return 0;
}

static int run_clip(const struct clip *clip, const struct nj_track_options *options)
{
    struct nj_tracker *tracker;
    int code = nj_tracker_create(options, 1, &tracker, NULL);
    for (size_t f = 0; f < clip->frames && code == 0; f++) {
        const struct nj_track *tracks;
        size_t count;
        const struct nj_track_inputs inputs = {
            clip->inputs + clip->first[f],
            clip->first[f + 1] - clip->first[f],
            (nj_us)((double)f * NJ_US_PER_S / clip->fps),
        };
        code = nj_tracker_update(tracker, &inputs, &tracks, &count);
    }
    if (code == 0)
        nj_tracker_destroy(tracker);
    return code;
}

static int measure_speed(const struct clip *clips, size_t count, int passes,
                         struct bench_result *result)
{
    struct nj_track_options options;
    double rates[REPEATS];
    bench_default_options(&options);
    for (size_t r = 0; r < REPEATS; r++) {
        size_t frames = 0;
        double begin = now_s();
        for (int pass = 0; pass < passes; pass++) {
            for (size_t i = 0; i < count; i++) {
                int code = run_clip(&clips[i], &options);
                if (code < 0)
                    return code;
                frames += clips[i].frames;
            }
        }
        rates[r] = (double)frames / (now_s() - begin);
    }
    bench_result_spread(result, rates, REPEATS);
    return 0;
}

static int report_speed(struct bench_report *report, const struct bench_sequence *sequences)
{
    struct clip clips[BENCH_SEQUENCES] = {0}, crowd = {0};
    int code = 0;
    for (size_t i = 0; i < BENCH_SEQUENCES && code == 0; i++)
        code = clip_load(&clips[i], &sequences[i]);
    struct bench_result few = {
        .name = "frames_per_s", .unit = "1/s", .goal = 300000, .goal_kind = BENCH_AT_LEAST};
    struct bench_result many = {
        .name = "frames_per_s_200", .unit = "1/s", .goal = 10000, .goal_kind = BENCH_AT_LEAST};
    if (code == 0)
        code = measure_speed(clips, BENCH_SEQUENCES, SPEED_PASSES, &few);
    if (code == 0)
        code = clip_make_crowd(&crowd);
    if (code == 0)
        code = measure_speed(&crowd, 1, 1, &many);
    bench_report_add(report, few);
    bench_report_add(report, many);
    for (size_t i = 0; i < BENCH_SEQUENCES; i++)
        clip_finish(&clips[i]);
    clip_finish(&crowd);
    return code;
}

static void print_setting(const char *what, const struct nj_track_options *o)
{
    printf("%s: new %g high %g low %g gate %g enlarge %g lost %g s share %g hits %d"
           " noise %g %g %g %g\n",
           what, o->new_score, o->high_score, o->low_score, o->iou_gate, o->enlarge,
           (double)o->lost_us / NJ_US_PER_S, o->lost_share, (int)o->confirm_hits, o->measure_noise,
           o->drift_noise, o->agility_noise, o->start_noise);
}

static int held_out(const struct bench_trial *trials, size_t count, unsigned mask, bool print,
                    double out[3])
{
    const struct bench_trial *of_a = &trials[bench_choose(trials, count, mask)];
    const struct bench_trial *of_b = &trials[bench_choose(trials, count, BENCH_ALL & ~mask)];
    struct nj_mot_metrics m;
    // Each fold is measured with what the other one chose.
    int code = bench_pool(of_b, of_a, mask, &m);
    if (code < 0)
        return code;
    out[0] = m.mota;
    out[1] = m.idf1;
    out[2] = m.hota;
    if (print) {
        print_setting("chosen on fold A", &of_a->options);
        print_setting("chosen on fold B", &of_b->options);
    }
    return 0;
}

static int report_held_out(struct bench_report *report, const struct bench_trial *trials,
                           size_t count)
{
    static const char *const names[] = {"mota", "idf1", "hota"};
    static const double goals[] = {50.9, 58.2, 42.6};
    double named[3], low[3] = {100, 100, 100}, high[3] = {0}, sum[3] = {0};
    int splits = 0;
    int code = held_out(trials, count, FOLD_A, true, named);
    for (unsigned mask = 1; mask < BENCH_ALL && code == 0; mask++) {
        double values[3];
        if (__builtin_popcount(mask) != FOLD_SIZE)
            continue;
        code = held_out(trials, count, mask, false, values);
        for (size_t i = 0; i < 3 && code == 0; i++) {
            low[i] = fmin(low[i], values[i]);
            high[i] = fmax(high[i], values[i]);
            sum[i] += values[i];
        }
        splits++;
    }
    for (size_t i = 0; i < 3 && code == 0; i++)
        bench_report_add(report, (struct bench_result){names[i], "%", named[i], low[i], high[i],
                                                       goals[i], BENCH_AT_LEAST});
    if (code == 0)
        printf("mean over all %d splits of three and four: MOTA %.2f IDF1 %.2f HOTA %.2f\n", splits,
               sum[0] / splits, sum[1] / splits, sum[2] / splits);
    return code;
}

static int report_quality(struct bench_report *report, const struct bench_sequence *sequences,
                          size_t count, struct nj_error *err)
{
    struct bench_trial *trials = calloc(count, sizeof(*trials));
    if (trials == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for %zu settings", count);
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        bench_grid_draw(i, &trials[i].options);
        code = bench_trial_run(&trials[i], sequences, err);
    }
    if (code == 0)
        code = report_held_out(report, trials, count);
    for (size_t i = 0; i < count; i++)
        bench_trial_finish(&trials[i]);
    free(trials);
    return code;
}

static int report_default(struct bench_report *report, const struct bench_sequence *sequences,
                          struct nj_error *err)
{
    struct bench_trial trial = {0};
    struct nj_mot_metrics m;
    bench_default_options(&trial.options);
    int code = bench_trial_run(&trial, sequences, err);
    if (code == 0)
        code = bench_pool(&trial, NULL, BENCH_ALL, &m);
    bench_trial_finish(&trial);
    if (code < 0)
        return code;
    const struct bench_result results[] = {
        {"mota_in_sample", "%", m.mota, m.mota, m.mota, 53.6, BENCH_AT_LEAST},
        {"idf1_in_sample", "%", m.idf1, m.idf1, m.idf1, 58.2, BENCH_AT_LEAST},
        {"hota_in_sample", "%", m.hota, m.hota, m.hota, 43.2, BENCH_AT_LEAST},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(results); i++)
        bench_report_add(report, results[i]);
    printf("shipped setting: %lld id switches\n", (long long)m.id_switches);
    return 0;
}

static void print_folds(const struct bench_sequence *sequences)
{
    for (unsigned fold = 0; fold < 2; fold++) {
        printf("fold %c:", fold == 0 ? 'A' : 'B');
        for (unsigned i = 0; i < BENCH_SEQUENCES; i++) {
            if ((FOLD_A >> i & 1) != fold)
                printf(" %s", sequences[i].name);
        }
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    const char *folder = bench_option(argc, argv, "data", getenv("NIGHTJAR_MOT_DIR"));
    if (folder == NULL)
        folder = NJ_BENCH_SOURCE_DIR "/../shared/data/mot";
    int64_t settings = SETTINGS;
    const char *given = bench_option(argc, argv, "settings", NULL);
    if (given != NULL && (nj_text_to_int(given, &settings) < 0 || settings < 1)) {
        fprintf(stderr, "--settings must be a positive number\n");
        return 2;
    }
    struct bench_report report = {.bench = "tracking"};
    struct bench_sequence sequences[BENCH_SEQUENCES] = {0};
    struct nj_error err = {.text = "no memory"};
    int code = bench_sequences_load(folder, sequences, &err);
    if (code == 0) {
        print_folds(sequences);
        code = report_quality(&report, sequences, (size_t)settings, &err);
    }
    if (code == 0)
        code = report_default(&report, sequences, &err);
    if (code == 0)
        code = report_speed(&report, sequences);
    bench_sequences_free(sequences);
    if (code < 0) {
        fprintf(stderr, "tracking: %s\n", err.text);
        return 2;
    }
    return bench_report_finish(&report, bench_option(argc, argv, "json", NULL));
}
