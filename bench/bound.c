// SPDX-License-Identifier: Apache-2.0
// What is left of the main job when everything but its bare work is taken away: read a file, decode
// it, bring it into the network, run it, decode its output. The programs of bench/*.mjs run this
// beside the daemon; the ratio of both is what the daemon costs.
//
// bench_bound run --threads N < PATHS    engine alone, then every file; one JSON object
// bench_bound serve < PATHS              one file at a time, "ms detections" a line
#include "detect/detect.h"
#include "detect/engine_driver.h"
#include "frames/picture.h"
#include "loop/thread.h"
#include "util/file.h"
#include "util/json_writer.h"
#include "util/mem.h"
#include "util/text.h"

#include "bench/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS_MAX = 64,
    WARM_UPS = 5,
    ENGINE_SHARE = 4,             // every so many files one run of the engine alone
    PICTURE_BYTES_MAX = 32 << 20, // of the files that the benchmarks make
    JSON_BYTES_MAX = 64 << 20,

};

static const struct nj_picture_limits limits = {.max_bytes = PICTURE_BYTES_MAX,
                                                .max_megapixels = 100};

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct bound {
    struct nj_detector *detector;
    struct nj_detect_options options;
    void *engine; // a second one, driven without anything around it
    char **paths; // malloc'd, and each of them
    size_t count, capacity;
    int *found; // detections of each file; -1: failed
    size_t thread_count, engine_runs;
    atomic_size_t next;
};

struct worker {
    struct bound *bound;
    pthread_t thread;
    struct nj_detector_thread *detector;
    struct nj_picture_decoder *decoder;
    void *engine;
    struct nj_detections detections;
    struct nj_error error;
};

static int worker_init(struct worker *worker, struct bound *bound, struct nj_error *err)
{
    worker->bound = bound;
    int rc = nj_picture_decoder_create(&worker->decoder);
    rc = rc != 0 ? rc : nj_detector_thread_create(bound->detector, &worker->detector, err);
    return rc != 0 ? rc : nj_engine_onnx.thread_create(bound->engine, &worker->engine, err);
}

static void worker_finish(struct worker *worker)
{
    nj_engine_onnx.thread_destroy(worker->engine);
    nj_detector_thread_destroy(worker->detector);
    nj_picture_decoder_destroy(worker->decoder);
}

// One file, whole. The number of detections, or a negative code.
static int look_at(struct worker *worker, const char *path)
{
    char *bytes = NULL;
    struct nj_frame *frame = NULL;
    struct nj_picture_request request = {.limits = &limits, .strict = true};
    nj_detector_least_size(worker->bound->detector, &request.least_width, &request.least_height);
    int rc = nj_file_read(path, PICTURE_BYTES_MAX, &bytes, &request.length, &worker->error);
    request.bytes = bytes;
    if (rc == 0)
        rc = nj_picture_decode(worker->decoder, &request, &frame, &worker->error);
    free(bytes);
    const struct nj_detect_request detect = {.frames = &frame, .count = 1};
    rc = rc != 0 ? rc
                 : nj_detector_run(worker->detector, &detect, &worker->detections, &worker->error);
    nj_frame_unref(frame);
    if (rc != 0)
        fprintf(stderr, "bound: %s: %s\n", path, worker->error.text);
    return rc != 0 ? rc : (int)worker->detections.count;
}

static void run_engine(void *arg)
{
    struct worker *worker = arg;
    const float *outputs[NJ_ENGINE_OUTPUTS_MAX];
    while (atomic_fetch_add(&worker->bound->next, 1) < worker->bound->engine_runs)
        nj_engine_onnx.run(worker->engine, 1, outputs, NULL);
}

static void run_files(void *arg)
{
    struct worker *worker = arg;
    struct bound *bound = worker->bound;
    for (;;) {
        const size_t i = atomic_fetch_add(&bound->next, 1);
        if (i >= bound->count)
            return;
        bound->found[i] = look_at(worker, bound->paths[i]);
    }
}

struct spent {
    double wall_s, cpu_s;
};

// All threads through `fn`; the time from the first one's start to the last one's end.
static int measure(struct bound *bound, struct worker *workers, void (*fn)(void *),
                   struct spent *out)
{
    struct nj_error err = {0};
    const double wall = seconds(CLOCK_MONOTONIC);
    const double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    size_t started = 0;
    int rc = 0;
    atomic_store(&bound->next, 0);
    for (; started < bound->thread_count && rc == 0; started += rc == 0)
        rc = nj_thread_start(&workers[started].thread, "bound", fn, &workers[started], &err);
    for (size_t i = 0; i < started; i++)
        nj_thread_join(workers[i].thread);
    out->wall_s = seconds(CLOCK_MONOTONIC) - wall;
    out->cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    return rc;
}

static int read_paths(struct bound *bound)
{
    char *line = NULL;
    size_t size = 0;
    int rc = 0;
    while (rc == 0 && getline(&line, &size, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        rc = nj_array_reserve((void **)&bound->paths, &bound->capacity, bound->count + 1,
                              sizeof *bound->paths);
        if (rc == 0)
            bound->paths[bound->count++] = nj_strdup(line);
    }
    free(line);
    bound->found = calloc(bound->count + 1, sizeof *bound->found);
    bound->engine_runs = bound->count / ENGINE_SHARE;
    return rc != 0 || bound->found == NULL ? NJ_E_NOMEM : 0;
}

static int print_result(const struct bound *bound, const struct spent *files,
                        const struct spent *engine)
{
    struct nj_buf buf;
    struct nj_json_writer json;
    nj_buf_init(&buf, JSON_BYTES_MAX);
    nj_json_init(&json, &buf);
    nj_json_object_begin(&json, NULL);
    nj_json_int(&json, "images", (int64_t)bound->count);
    nj_json_number(&json, "wall_s", files->wall_s);
    nj_json_number(&json, "cpu_s", files->cpu_s);
    nj_json_int(&json, "engine_runs", (int64_t)bound->engine_runs);
    nj_json_number(&json, "engine_wall_s", engine->wall_s);
    nj_json_number(&json, "engine_cpu_s", engine->cpu_s);
    nj_json_object_begin(&json, "detections");
    for (size_t i = 0; i < bound->count; i++)
        nj_json_int(&json, bound->paths[i], bound->found[i]);
    nj_json_object_end(&json);
    nj_json_object_end(&json);
    int rc = nj_buf_failed(&buf);
    if (rc == 0)
        printf("%s\n", buf.data);
    nj_buf_finish(&buf);
    return rc;
}

static int run_all(struct bound *bound, struct worker *workers)
{
    struct spent files, engine;
    int rc = read_paths(bound);
    for (size_t i = 0; rc == 0 && i < WARM_UPS && i < bound->count; i++)
        for (size_t k = 0; k < bound->thread_count; k++)
            (void)look_at(&workers[k], bound->paths[i]);
    rc = rc != 0 ? rc : measure(bound, workers, run_engine, &engine);
    rc = rc != 0 ? rc : measure(bound, workers, run_files, &files);
    return rc != 0 ? rc : print_result(bound, &files, &engine);
}

static int serve(struct worker *worker)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        const double begin = seconds(CLOCK_MONOTONIC);
        const int count = look_at(worker, line);
        printf("%.4f %d\n", (seconds(CLOCK_MONOTONIC) - begin) * 1e3, count);
        if (fflush(stdout) != 0)
            break;
    }
    free(line);
    return 0;
}

static int set_up(struct bound *bound, struct worker *workers, struct nj_error *err)
{
    const struct nj_detector_config config = {.options = &bound->options, .clock = nj_clock_real()};
    int rc = nj_detector_create(&config, &bound->detector, err);
    if (rc != 0)
        return rc;
    const struct nj_engine_config engine = {.options = &bound->options,
                                            .model = nj_detector_model(bound->detector),
                                            .clock = nj_clock_real()};
    rc = nj_engine_onnx.create(&engine, &bound->engine, err);
    for (size_t i = 0; rc == 0 && i < bound->thread_count; i++)
        rc = worker_init(&workers[i], bound, err);
    return rc;
}

static void tear_down(struct bound *bound, struct worker *workers)
{
    for (size_t i = 0; i < bound->thread_count; i++)
        worker_finish(&workers[i]);
    if (bound->engine != NULL)
        nj_engine_onnx.destroy(bound->engine);
    nj_detector_destroy(bound->detector);
    for (size_t i = 0; i < bound->count; i++)
        free(bound->paths[i]);
    free(bound->paths);
    free(bound->found);
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS_MAX];
    struct nj_error error = {.text = "failed"};
    int64_t threads = 1;
    nj_text_to_int(bench_option(argc, argv, "threads", "1"), &threads);
    const bool serving = argc > 1 && strcmp(argv[1], "serve") == 0;
    if (argc < 2 || (!serving && strcmp(argv[1], "run") != 0) || threads < 1 ||
        threads > THREADS_MAX) {
        fprintf(stderr, "usage: bench_bound run --threads N < PATHS | bench_bound serve < PATHS\n");
        return 2;
    }
    struct bound bound = {
        .thread_count = serving ? 1 : (size_t)threads,
        .options = {.engine = NJ_ENGINE_ONNX,
                    .device = "cpu",
                    .model = bench_option(argc, argv, "model", ""),
                    .models_folder = NJ_BENCH_SOURCE_DIR "/models",
                    .engine_library = bench_option(argc, argv, "engine-library", ""),
                    .threshold = -1}};
    int rc = set_up(&bound, workers, &error);
    if (rc != 0)
        fprintf(stderr, "bound: %s\n", error.text);
    else
        rc = serving ? serve(&workers[0]) : run_all(&bound, workers);
    tear_down(&bound, workers);
    return rc != 0 ? 2 : 0;
}
