// SPDX-License-Identifier: Apache-2.0
// How well the whole way sees, from the pixels of a video whose people are known: average precision
// beside a plain reference of the same network, tracks beside a plain SORT on the same detections,
// and the motion gate on a clip of still stretches, slow walkers and changing light.
//
// bench_perception [--json FILE] [--quick] [--video FILE] [--gt FILE] [--model NAME]
#include "bench/perception_gate.h"
#include "bench/perception_plain.h"
#include "bench/perception_sort.h"
#include "bench/report.h"

#include "detect/detect.h"
#include "detect/engine_driver.h"
#include "frames/video.h"
#include "pipeline/live.h"
#include "track/mot.h"
#include "util/mem.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4096, QUICK_FRAMES = 200, PERSON = 0 };
// Precision is drawn down to here; the tracks use the model's own threshold.
static const double ap_threshold = 0.01;
static const double iou_least = 0.5;

struct setting {
    const char *video;
    char gt_path[PATH_SIZE];
    int32_t frames_max; // 0: all
    struct nj_video_info info;
    struct nj_mot_table gt;
    struct nj_detect_options options;
    struct nj_detector *detector;
    struct nj_detector_thread *thread;
};

static int keep_rows(struct nj_mot_table *table, size_t *capacity, int32_t frame,
                     const struct nj_detections *found)
{
    int rc = nj_array_reserve((void **)&table->rows, capacity, table->count + found->count,
                              sizeof *table->rows);
    for (size_t i = 0; i < found->count && rc == 0; i++) {
        const struct nj_detection *item = &found->items[i];
        if (item->class_id == PERSON)
            table->rows[table->count++] = (struct nj_mot_row){.frame = frame,
                                                              .id = -1,
                                                              .x = (double)item->box.x + 1,
                                                              .y = (double)item->box.y + 1,
                                                              .w = (double)item->box.w,
                                                              .h = (double)item->box.h,
                                                              .score = (double)item->confidence};
    }
    table->frames = frame;
    return rc;
}

// The product's way: its own decoder, its one pass into the tensor, its output decoder.
static int detect_video(struct setting *s, struct nj_mot_table *out, struct nj_error *err)
{
    static struct nj_detections found;
    struct nj_mot_table table = {0};
    struct nj_video *video = NULL;
    size_t capacity = 0;
    int rc = nj_video_open(s->video, NULL, &video, &s->info, err);
    for (int32_t number = 1; rc == 0 && (s->frames_max == 0 || number <= s->frames_max); number++) {
        struct nj_frame *frame = NULL;
        nj_us pts_us;
        rc = nj_video_next(video, &frame, &pts_us, err);
        const struct nj_detect_request request = {.frames = &frame, .count = 1};
        rc = rc != 0 ? rc : nj_detector_run(s->thread, &request, &found, err);
        rc = rc != 0 ? rc : keep_rows(&table, &capacity, number, &found);
        nj_frame_unref(frame);
    }
    nj_video_close(video);
    if (rc != 0 && rc != NJ_E_AGAIN)
        nj_mot_free(&table);
    else
        *out = table;
    return rc == NJ_E_AGAIN ? 0 : rc;
}

static double overlap(const struct nj_mot_row *a, const struct nj_mot_row *b)
{
    const double w = fmin(a->x + a->w, b->x + b->w) - fmax(a->x, b->x);
    const double h = fmin(a->y + a->h, b->y + b->h) - fmax(a->y, b->y);
    const double common = w > 0 && h > 0 ? w * h : 0;
    return common / (a->w * a->h + b->w * b->h - common);
}

static int by_falling_score(const void *a, const void *b)
{
    const double x = ((const struct nj_mot_row *)a)->score;
    const double y = ((const struct nj_mot_row *)b)->score;
    return (x < y) - (x > y);
}

// True when the detection hits a person that nothing surer has hit.
static bool is_hit(const struct nj_mot_table *gt, const struct nj_mot_row *row, bool *taken)
{
    double best = iou_least;
    size_t best_at = gt->count;
    for (size_t i = 0; i < gt->count; i++) {
        if (gt->rows[i].frame != row->frame || taken[i])
            continue;
        const double value = overlap(&gt->rows[i], row);
        if (value >= best) {
            best = value;
            best_at = i;
        }
    }
    if (best_at < gt->count)
        taken[best_at] = true;
    return best_at < gt->count;
}

// Area under precision over recall, precision made monotonic (as PASCAL VOC 2010 and later).
static double average_precision(const struct nj_mot_table *gt, const struct nj_mot_table *det)
{
    struct nj_mot_row *rows = calloc(det->count + 1, sizeof *rows);
    bool *taken = calloc(gt->count + 1, sizeof *taken);
    double *precision = calloc(det->count + 1, sizeof *precision);
    bool *hit = calloc(det->count + 1, sizeof *hit);
    double area = 0;
    size_t hits = 0;
    if (rows != NULL && taken != NULL && precision != NULL && hit != NULL) {
        for (size_t i = 0; i < det->count; i++)
            rows[i] = det->rows[i];
        qsort(rows, det->count, sizeof *rows, by_falling_score);
        for (size_t i = 0; i < det->count; i++) {
            hit[i] = is_hit(gt, &rows[i], taken);
            hits += hit[i];
            precision[i] = (double)hits / (double)(i + 1);
        }
        for (size_t i = det->count; i-- > 0;) {
            precision[i] = fmax(precision[i], precision[i + 1]);
            area += hit[i] ? precision[i] / (double)gt->count : 0;
        }
    }
    free(rows);
    free(taken);
    free(precision);
    free(hit);
    return area;
}

static int report_precision(struct setting *s, const struct nj_mot_table *det,
                            struct bench_report *report, struct nj_error *err)
{
    struct nj_mot_table plain = {0};
    const struct plain_setting setting = {.video = s->video,
                                          .width = s->info.width,
                                          .height = s->info.height,
                                          .frames_max = s->frames_max,
                                          .model = nj_detector_model(s->detector),
                                          .options = &s->options,
                                          .threshold = ap_threshold};
    int rc = plain_detect(&setting, &plain, err);
    if (rc != 0)
        return rc;
    const double ours = average_precision(&s->gt, det);
    const double reference = average_precision(&s->gt, &plain);
    const double difference = fabs(ours - reference);
    bench_report_add(
        report, (struct bench_result){
                    .name = "person_ap", .unit = "0..1", .value = ours, .low = ours, .high = ours});
    bench_report_add(report, (struct bench_result){.name = "person_ap_reference",
                                                   .unit = "0..1",
                                                   .value = reference,
                                                   .low = reference,
                                                   .high = reference});
    bench_report_add(report, (struct bench_result){.name = "person_ap_difference",
                                                   .unit = "0..1",
                                                   .value = difference,
                                                   .low = difference,
                                                   .high = difference,
                                                   .goal = 0.01,
                                                   .goal_kind = BENCH_AT_MOST});
    nj_mot_free(&plain);
    return 0;
}

static void keep_sure(struct nj_mot_table *table, double threshold)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].score >= threshold)
            table->rows[kept++] = table->rows[i];
    table->count = kept;
}

static int metrics_of(const struct setting *s, const struct nj_mot_table *result,
                      struct nj_mot_metrics *out, struct nj_error *err)
{
    struct nj_mot_sums *sums = NULL;
    int rc = nj_mot_sums_create(&sums);
    rc = rc != 0 ? rc : nj_mot_sums_add(sums, &s->gt, result, err);
    if (rc == 0)
        nj_mot_sums_metrics(sums, out);
    nj_mot_sums_destroy(sums);
    return rc;
}

// Members of the options struct from their table's defaults.
static void fill_defaults(const struct nj_option_group *group, void *out)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct nj_option *option = &group->options[i];
        void *at = (char *)out + option->offset;
        double value = 0;
        nj_text_to_double(option->fallback, &value);
        if (option->type == NJ_OPTION_NUMBER)
            *(double *)at = value;
        else if (option->type == NJ_OPTION_SECONDS)
            *(nj_us *)at = (nj_us)(value * NJ_US_PER_S);
        else
            *(int64_t *)at = (int64_t)value;
    }
}

static int report_tracks(struct setting *s, const struct nj_mot_table *det,
                         struct bench_report *report, struct nj_error *err)
{
    struct nj_track_options track = {0}, options;
    struct nj_live_options live = {0};
    struct nj_mot_table ours = {0}, theirs = {0};
    struct nj_mot_metrics our = {0}, their = {0};
    fill_defaults(&nj_track_option_group, &track);
    fill_defaults(&nj_live_option_group, &live);
    nj_live_track_options(&track, &live, nj_detector_model(s->detector)->threshold, &options);
    int rc = nj_mot_track(det, &options, s->info.fps, &ours, err);
    rc = rc != 0 ? rc : sort_track(det, &theirs, err);
    rc = rc != 0 ? rc : metrics_of(s, &ours, &our, err);
    rc = rc != 0 ? rc : metrics_of(s, &theirs, &their, err);
    nj_mot_free(&ours);
    nj_mot_free(&theirs);
    if (rc != 0)
        return rc;
    const struct bench_result results[] = {
        {"mota_video", "%", our.mota, our.mota, our.mota, their.mota, BENCH_AT_LEAST},
        {"mota_sort", "%", their.mota, their.mota, their.mota, 0, BENCH_NO_GOAL},
        {"idf1_video", "%", our.idf1, our.idf1, our.idf1, their.idf1, BENCH_AT_LEAST},
        {"idf1_sort", "%", their.idf1, their.idf1, their.idf1, 0, BENCH_NO_GOAL},
        {"hota_video", "%", our.hota, our.hota, our.hota, 0, BENCH_NO_GOAL},
        {"hota_sort", "%", their.hota, their.hota, their.hota, 0, BENCH_NO_GOAL},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(results); i++)
        bench_report_add(report, results[i]);
    printf("id switches: %lld, SORT %lld\n", (long long)our.id_switches,
           (long long)their.id_switches);
    return 0;
}

static void add_share(struct bench_report *report, struct bench_result result, int64_t part,
                      int64_t whole)
{
    result.unit = "share";
    result.value = result.low = result.high = whole > 0 ? (double)part / (double)whole : 0;
    bench_report_add(report, result);
}

static int report_gate(struct setting *s, struct bench_report *report, struct nj_error *err)
{
    struct gate_result g;
    int rc = gate_measure(s->video, &s->gt, &g, err);
    if (rc != 0)
        return rc;
    printf("gate clip: %lld frames, %lld still; %lld persons in frames, %lld of them moving\n",
           (long long)g.frames, (long long)g.still_frames, (long long)g.pairs,
           (long long)g.moving_pairs);
    add_share(report,
              (struct bench_result){
                  .name = "gate_still_skipped", .goal = 0.6, .goal_kind = BENCH_AT_LEAST},
              g.still_skipped, g.still_frames);
    add_share(report,
              (struct bench_result){
                  .name = "gate_persons_lost", .goal = 0.01, .goal_kind = BENCH_AT_MOST},
              g.pairs_lost, g.pairs);
    add_share(report, (struct bench_result){.name = "gate_moving_skipped"}, g.moving_pairs_skipped,
              g.moving_pairs);
    return 0;
}

static void drop_ignored(struct nj_mot_table *gt, int32_t frames_max)
{
    size_t kept = 0;
    for (size_t i = 0; i < gt->count; i++)
        if (gt->rows[i].score > 0 && (frames_max == 0 || gt->rows[i].frame <= frames_max))
            gt->rows[kept++] = gt->rows[i];
    gt->count = kept;
    if (frames_max > 0 && gt->frames > frames_max)
        gt->frames = frames_max;
}

static int measure(struct setting *s, struct bench_report *report, struct nj_error *err)
{
    struct nj_mot_table det = {0};
    int rc = report_gate(s, report, err); // first: it wants all of the ground truth
    drop_ignored(&s->gt, s->frames_max);
    rc = rc != 0 ? rc : detect_video(s, &det, err);
    rc = rc != 0 ? rc : report_precision(s, &det, report, err);
    keep_sure(&det, nj_detector_model(s->detector)->threshold);
    rc = rc != 0 ? rc : report_tracks(s, &det, report, err);
    nj_mot_free(&det);
    return rc;
}

static bool has_flag(int argc, char **argv, const char *flag)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], flag) == 0)
            return true;
    return false;
}

static void find_ground_truth(struct setting *s, const char *given)
{
    const char *folder = getenv("NIGHTJAR_MOT_DIR");
    if (given != NULL)
        nj_text_copy(s->gt_path, sizeof s->gt_path, given);
    else
        snprintf(s->gt_path, sizeof s->gt_path, "%s/PETS09-S2L1/gt/gt.txt",
                 folder != NULL ? folder : NJ_BENCH_SOURCE_DIR "/../shared/data/mot");
}

int main(int argc, char **argv)
{
    struct nj_error error = {.text = "no memory"};
    struct bench_report report = {.bench = "perception"};
    struct setting s = {
        .video =
            bench_option(argc, argv, "video", "/usr/share/doc/opencv-doc/examples/data/vtest.avi"),
        .frames_max = has_flag(argc, argv, "--quick") ? QUICK_FRAMES : 0,
        .options = {.engine = NJ_ENGINE_ONNX,
                    .device = "cpu",
                    .model = bench_option(argc, argv, "model", ""),
                    .models_folder = NJ_BENCH_SOURCE_DIR "/models",
                    .engine_library = bench_option(argc, argv, "engine-library", ""),
                    .threshold = ap_threshold}};
    find_ground_truth(&s, bench_option(argc, argv, "gt", NULL));
    const struct nj_detector_config config = {.options = &s.options, .clock = nj_clock_real()};
    int rc = nj_mot_read(s.gt_path, &s.gt, &error);
    rc = rc != 0 ? rc : nj_detector_create(&config, &s.detector, &error);
    rc = rc != 0 ? rc : nj_detector_thread_create(s.detector, &s.thread, &error);
    rc = rc != 0 ? rc : measure(&s, &report, &error);
    nj_detector_thread_destroy(s.thread);
    nj_detector_destroy(s.detector);
    nj_mot_free(&s.gt);
    if (rc != 0) {
        fprintf(stderr, "perception: %s\n", error.text);
        return 2;
    }
    return bench_report_finish(&report, bench_option(argc, argv, "json", NULL));
}
