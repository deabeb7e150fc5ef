// SPDX-License-Identifier: Apache-2.0
// How long one picture takes from decoded planes to detections, and how much of it is not the
// engine. Runs of the whole way and of the engine alone alternate; ratios are of thread CPU time,
// because other load on the machine would fall on either side by chance.
//
// bench_detect [--json FILE] [--model NAME] [--picture FILE] [--runs N]
#include "bench/report.h"

#include "detect/detect.h"
#include "detect/engine_driver.h"
#include "frames/picture.h"
#include "frames/tensor.h"
#include "util/file.h"
#include "util/rng.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_UPS = 5, RUNS_DEFAULT = 100, RUNS_MAX = 10000, PICTURE_BYTES_MAX = 1 << 26 };

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int fail(const char *what, const struct nj_error *error)
{
    fprintf(stderr, "detect: %s: %s\n", what, error->text);
    return 2;
}

// A frame of the size of a common camera with grain, where no picture is at hand.
static struct nj_frame *make_grain(void)
{
    struct nj_frame *frame = NULL;
    struct nj_rng rng;
    nj_rng_seed(&rng, 1);
    if (nj_frame_allocate(768, 576, NJ_PIXEL_I420, &frame) != 0)
        return NULL;
    for (int p = 0; p < 3; p++) {
        uint8_t *bytes = (uint8_t *)(uintptr_t)frame->planes[p];
        const int32_t height = p == 0 ? frame->height : (frame->height + 1) / 2;
        for (int32_t i = 0; i < frame->strides[p] * height; i++)
            bytes[i] = (uint8_t)(112 + nj_rng_below(&rng, 32));
    }
    return frame;
}

static struct nj_frame *load_picture(const char *path)
{
    static const struct nj_picture_limits limits = {.max_bytes = PICTURE_BYTES_MAX,
                                                    .max_megapixels = 100};
    struct nj_picture_request request = {.limits = &limits};
    struct nj_picture_decoder *decoder = NULL;
    struct nj_frame *frame = NULL;
    char *bytes = NULL;
    if (nj_file_read(path, PICTURE_BYTES_MAX, &bytes, &request.length, NULL) == 0 &&
        nj_picture_decoder_create(&decoder) == 0) {
        request.bytes = bytes;
        nj_picture_decode(decoder, &request, &frame, NULL);
    }
    nj_picture_decoder_destroy(decoder);
    free(bytes);
    if (frame == NULL)
        printf("no picture at %s: using grain\n", path);
    return frame != NULL ? frame : make_grain();
}

struct setting {
    struct nj_detect_options options;
    struct nj_detector *detector;
    struct nj_detector_thread *thread;
    void *engine, *engine_thread; // the same network, driven without anything around it
    struct nj_frame *frame;
    size_t runs;
};

static int set_up(struct setting *s, struct nj_error *err)
{
    const struct nj_detector_config config = {.options = &s->options, .clock = nj_clock_real()};
    int rc = nj_detector_create(&config, &s->detector, err);
    rc = rc != 0 ? rc : nj_detector_thread_create(s->detector, &s->thread, err);
    if (rc != 0)
        return rc;
    const struct nj_model *model = nj_detector_model(s->detector);
    const struct nj_engine_config engine_config = {
        .options = &s->options, .model = model, .clock = nj_clock_real()};
    struct nj_tensor_map map;
    rc = nj_engine_onnx.create(&engine_config, &s->engine, err);
    rc = rc != 0 ? rc : nj_engine_onnx.thread_create(s->engine, &s->engine_thread, err);
    if (rc == 0 && nj_tensor_fill(s->frame, NULL, &model->input,
                                  nj_engine_onnx.input(s->engine_thread, 0), &map) != 0)
        rc = nj_error_set(err, NJ_E_INVALID, "the picture does not fit");
    return rc;
}

static void tear_down(struct setting *s)
{
    if (s->engine != NULL) {
        nj_engine_onnx.thread_destroy(s->engine_thread);
        nj_engine_onnx.destroy(s->engine);
    }
    nj_detector_thread_destroy(s->thread);
    nj_detector_destroy(s->detector);
    nj_frame_unref(s->frame);
}

struct figures {
    double *whole_ms, *cpu_ratio, *engine_ms, *prepare_ms, *decode_ms; // one a run
    double wall_sum_ms;
};

static int run_whole(struct setting *s, struct nj_detections *out, double *cpu_s,
                     struct nj_error *err)
{
    const struct nj_detect_request request = {.frames = &s->frame, .count = 1};
    const double begin = seconds(CLOCK_THREAD_CPUTIME_ID);
    int rc = nj_detector_run(s->thread, &request, out, err);
    *cpu_s = seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
    return rc;
}

static int run_engine(struct setting *s, double *cpu_s, struct nj_error *err)
{
    const float *outputs[NJ_ENGINE_OUTPUTS_MAX];
    const double begin = seconds(CLOCK_THREAD_CPUTIME_ID);
    int rc = nj_engine_onnx.run(s->engine_thread, 1, outputs, err);
    *cpu_s = seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
    return rc;
}

// One pair; which comes first alternates, so that a cold cache falls on both alike.
static int measure_pair(struct setting *s, size_t turn, struct figures *out, struct nj_error *err)
{
    static struct nj_detections found;
    double whole_s = 0;
    double engine_s = 0;
    int rc = turn % 2 == 1 ? run_engine(s, &engine_s, err) : 0;
    const double begin = seconds(CLOCK_MONOTONIC);
    rc = rc != 0 ? rc : run_whole(s, &found, &whole_s, err);
    const double wall_s = seconds(CLOCK_MONOTONIC) - begin;
    if (rc == 0 && turn % 2 == 0)
        rc = run_engine(s, &engine_s, err);
    if (rc != 0 || turn < WARM_UPS)
        return rc;
    const size_t i = turn - WARM_UPS;
    out->wall_sum_ms += wall_s * 1e3;
    out->whole_ms[i] = wall_s * 1e3;
    out->engine_ms[i] = engine_s * 1e3;
    out->cpu_ratio[i] = whole_s / engine_s;
    out->prepare_ms[i] = (double)found.prepare_us / 1e3;
    out->decode_ms[i] = (double)found.decode_us / 1e3;
    return 0;
}

static void report(struct bench_report *report, struct figures *f, size_t runs)
{
    struct bench_result average = {.name = "detect_avg_ms", .unit = "ms"};
    struct bench_result fps = {.name = "theoretical_fps", .unit = "frames/s"};
    struct bench_result overhead = {
        .name = "overhead_vs_engine", .unit = "ratio", .goal = 1.10, .goal_kind = BENCH_AT_MOST};
    struct bench_result engine = {.name = "engine_cpu_ms", .unit = "ms"};
    struct bench_result prepare = {.name = "prepare_ms", .unit = "ms"};
    struct bench_result decode = {.name = "decode_ms", .unit = "ms"};
    bench_result_spread(&average, f->whole_ms, runs);
    average.value = f->wall_sum_ms / (double)runs;
    fps.value = 1e3 / average.value;
    fps.low = 1e3 / average.high;
    fps.high = 1e3 / average.low;
    bench_result_spread(&overhead, f->cpu_ratio, runs);
    bench_result_spread(&engine, f->engine_ms, runs);
    bench_result_spread(&prepare, f->prepare_ms, runs);
    bench_result_spread(&decode, f->decode_ms, runs);
    bench_report_add(report, average);
    bench_report_add(report, fps);
    bench_report_add(report, overhead);
    bench_report_add(report, engine);
    bench_report_add(report, prepare);
    bench_report_add(report, decode);
}

static int measure(struct setting *s, struct bench_report *out, struct nj_error *err)
{
    double *memory = calloc(5 * s->runs, sizeof *memory);
    if (memory == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for %zu runs", s->runs);
    struct figures figures = {.whole_ms = memory,
                              .cpu_ratio = memory + s->runs,
                              .engine_ms = memory + 2 * s->runs,
                              .prepare_ms = memory + 3 * s->runs,
                              .decode_ms = memory + 4 * s->runs};
    int rc = 0;
    for (size_t turn = 0; rc == 0 && turn < WARM_UPS + s->runs; turn++)
        rc = measure_pair(s, turn, &figures, err);
    if (rc == 0)
        report(out, &figures, s->runs);
    free(memory);
    return rc;
}

int main(int argc, char **argv)
{
    struct nj_error error = {0};
    struct bench_report report = {.bench = "detect"};
    struct setting setting = {
        .options = {.engine = NJ_ENGINE_ONNX,
                    .device = "cpu",
                    .model = bench_option(argc, argv, "model", ""),
                    .models_folder = NJ_BENCH_SOURCE_DIR "/models",
                    .engine_library = bench_option(argc, argv, "engine-library", ""),
                    .threshold = -1}};
    int64_t runs = RUNS_DEFAULT;
    nj_text_to_int(bench_option(argc, argv, "runs", "100"), &runs);
    setting.runs = (size_t)(runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs);
    setting.frame = load_picture(
        bench_option(argc, argv, "picture", NJ_BENCH_SOURCE_DIR "/../shared/data/media/dog.jpg"));
    int rc = setting.frame != NULL ? set_up(&setting, &error) : NJ_E_NOMEM;
    if (rc == 0) {
        printf("model %s\n", nj_detector_model(setting.detector)->name);
        rc = measure(&setting, &report, &error);
    }
    tear_down(&setting);
    if (rc != 0)
        return fail("cannot measure", &error);
    return bench_report_finish(&report, bench_option(argc, argv, "json", NULL));
}
