// SPDX-License-Identifier: Apache-2.0
// The model cache: one load however many ask, one copy however many use it, memory that stays flat.
#include "tests/unit/detect/detect_helper.h"

#include "detect/model_cache.h"
#include "tests/fake/progress.h"
#include "util/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int model_cache_test(void);

enum { THREADS = 8, ROUNDS = 50, ROUNDS_LONG = 1000 };

struct fixture {
    char folder[64];
    struct nj_model_cache_options options;
    struct nj_detect_options detect;
    struct nj_metrics *metrics;
    struct nj_model_cache *cache;
};

static void write_manifest(const struct fixture *f, const char *file, const char *name,
                           const char *weights)
{
    char json[512];
    snprintf(json, sizeof json,
             "{\"name\":\"%s\",\"weights\":\"%s\",\"decoder\":\"yolov8\",\"threshold\":0.2,"
             "\"input\":{\"width\":64,\"height\":64},\"classes\":[\"cat\",\"dog\"]}",
             name, weights);
    write_file(f->folder, file, json);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    make_folder(f->folder);
    f->options.budget_bytes = (int64_t)1 << 30;
    f->detect = make_options(); // the null engine
    f->metrics = nj_metrics_create();
    assert_non_null(f->metrics);
    write_manifest(f, "a.json", "a", "w.onnx");
    write_manifest(f, "b.json", "b", "w.onnx");
    write_file(f->folder, "w.onnx", "weights");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    nj_model_cache_destroy(f->cache);
    nj_metrics_destroy(f->metrics);
    remove_folder(f->folder);
    free(f);
    return 0;
}

static void start(struct fixture *f)
{
    const struct nj_model_cache_config config = {.options = &f->options,
                                                 .detect = &f->detect,
                                                 .clock = nj_clock_real(),
                                                 .metrics = f->metrics};
    assert_int_equal(nj_model_cache_create(&config, &f->cache, NULL), 0);
}

static struct nj_detector *get(struct fixture *f, const char *file)
{
    char path[128];
    struct nj_detector *detector = NULL;
    struct nj_error error = {0};
    snprintf(path, sizeof path, "%s/%s", f->folder, file);
    if (nj_model_cache_get(f->cache, path, &detector, &error) != 0)
        fail_msg("%s: %s", file, error.text);
    assert_non_null(detector);
    return detector;
}

static struct nj_model_cache_stats stats_of(struct fixture *f)
{
    struct nj_model_cache_stats stats;
    nj_model_cache_get_stats(f->cache, &stats);
    return stats;
}

static void two_users_of_one_content_share_one_copy(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct nj_detector *first = get(f, "a.json");
    assert_ptr_equal(get(f, "a.json"), first);
    // The same content under another name is the same model.
    write_manifest(f, "copy.json", "a", "w.onnx");
    assert_ptr_equal(get(f, "copy.json"), first);
    struct nj_model_cache_stats stats = stats_of(f);
    assert_int_equal(stats.models, 1);
    assert_int_equal(stats.in_use, 1);
    assert_int_equal(stats.loads, 1);
    assert_int_equal(stats.hits, 2);
    for (int i = 0; i < 3; i++)
        nj_model_cache_put(f->cache, first);
    stats = stats_of(f);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.models, 1); // it stays for the next one
    assert_ptr_equal(get(f, "a.json"), first);
    nj_model_cache_put(f->cache, first);
    nj_model_cache_put(f->cache, NULL);
}

static void other_weights_manifest_or_labels_are_another_model(void **state)
{
    struct fixture *f = *state;
    static const char line[] =
        "{\"name\":\"l\",\"weights\":\"w.onnx\",\"decoder\":\"ctc\",\"threshold\":0.2,"
        "\"input\":{\"width\":64,\"height\":48},\"labels\":\"keys.txt\"}";
    start(f);
    struct nj_detector *detectors[5];
    detectors[0] = get(f, "a.json");
    detectors[1] = get(f, "b.json");
    write_file(f->folder, "w.onnx", "Weights");
    detectors[2] = get(f, "a.json");
    write_file(f->folder, "line.json", line);
    write_file(f->folder, "keys.txt", "a\nb\n");
    detectors[3] = get(f, "line.json");
    write_file(f->folder, "keys.txt", "b\na\n");
    detectors[4] = get(f, "line.json");
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(detectors[i], detectors[k]);
    }
    assert_int_equal(stats_of(f).models, 5);
    for (size_t i = 0; i < 5; i++)
        nj_model_cache_put(f->cache, detectors[i]);
}

static void the_cameras_choices_are_not_the_pipelines(void **state)
{
    struct fixture *f = *state;
    static const char *const people[] = {"person"}; // no class of this model
    f->detect.classes = (struct nj_text_list){.items = people, .count = 1};
    f->detect.threshold = 0.9;
    f->detect.model = "yolox_nano_416";
    start(f);
    struct nj_detector *detector = get(f, "a.json");
    assert_string_equal(nj_detector_model(detector)->name, "a");
    assert_float_equal(nj_detector_threshold(detector), 0.2, 1e-9);
    nj_model_cache_put(f->cache, detector);
}

static void the_unused_go_least_recently_used_first(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct nj_detector *a = get(f, "a.json");
    const int64_t one = stats_of(f).bytes;
    assert_true(one > 0);
    nj_model_cache_put(f->cache, a);
    nj_model_cache_destroy(f->cache);
    f->options.budget_bytes = 2 * one;
    start(f);
    write_manifest(f, "c.json", "c", "w.onnx");
    a = get(f, "a.json");
    struct nj_detector *b = get(f, "b.json");
    nj_model_cache_put(f->cache, b);
    nj_model_cache_put(f->cache, a); // b is the older one now
    struct nj_detector *c = get(f, "c.json");
    assert_int_equal(stats_of(f).evicted, 1);
    assert_int_equal(stats_of(f).bytes, 2 * one);
    assert_ptr_equal(get(f, "a.json"), a);
    assert_int_equal(stats_of(f).loads, 3); // a was still there
    // What is used never goes, even over the budget.
    b = get(f, "b.json");
    assert_int_equal(stats_of(f).models, 3);
    assert_int_equal(stats_of(f).in_use, 3);
    assert_int_equal(stats_of(f).bytes, 3 * one);
    nj_model_cache_put(f->cache, c); // too much: it goes at once
    assert_int_equal(stats_of(f).models, 2);
    assert_int_equal(stats_of(f).bytes, 2 * one);
    nj_model_cache_put(f->cache, a);
    nj_model_cache_put(f->cache, b);
    assert_int_equal(stats_of(f).models, 2);
    assert_int_equal(stats_of(f).evicted, 2);
}

static atomic_int freed_here, freed_elsewhere;
static pthread_t here;

// Names that the linker's --wrap asks for. NOLINTBEGIN(bugprone-reserved-identifier)
void __real_nj_detector_destroy(struct nj_detector *detector);
void __wrap_nj_detector_destroy(struct nj_detector *detector);
void __wrap_nj_detector_destroy(struct nj_detector *detector)
{
    if (detector != NULL)
        atomic_fetch_add(pthread_equal(pthread_self(), here) ? &freed_here : &freed_elsewhere, 1);
    __real_nj_detector_destroy(detector);
}
// NOLINTEND(bugprone-reserved-identifier)

static void who_gives_a_model_back_does_not_free_it(void **state)
{
    struct fixture *f = *state;
    f->options.budget_bytes = 0;
    start(f);
    struct nj_detector *a = get(f, "a.json");
    here = pthread_self();
    atomic_store(&freed_here, 0);
    atomic_store(&freed_elsewhere, 0);
    nj_model_cache_put(f->cache, a);
    assert_int_equal(stats_of(f).models, 0);
    nj_model_cache_destroy(f->cache); // waits for it
    f->cache = NULL;
    assert_int_equal(atomic_load(&freed_here), 0);
    assert_int_equal(atomic_load(&freed_elsewhere), 1);
}

static void failures_name_the_file_and_are_not_kept(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *file, *manifest;
        int code;
        const char *says;
    } cases[] = {
        {"none.json", NULL, NJ_E_NOT_FOUND, "none.json"},
        {"bad.json", "{\"name\":7}", NJ_E_INVALID, "bad.json"},
        {"far.json",
         "{\"name\":\"f\",\"weights\":\"../w.onnx\",\"decoder\":\"yolox\",\"threshold\":0,"
         "\"input\":{\"width\":32,\"height\":32},\"classes\":[\"a\"]}",
         NJ_E_INVALID, "beside the manifest"},
        {"root.json",
         "{\"name\":\"f\",\"weights\":\"/etc/passwd\",\"decoder\":\"yolox\",\"threshold\":0,"
         "\"input\":{\"width\":32,\"height\":32},\"classes\":[\"a\"]}",
         NJ_E_INVALID, "beside the manifest"},
        {"lost.json",
         "{\"name\":\"f\",\"weights\":\"lost.onnx\",\"decoder\":\"yolox\",\"threshold\":0,"
         "\"input\":{\"width\":32,\"height\":32},\"classes\":[\"a\"]}",
         NJ_E_NOT_FOUND, "lost.onnx"},
        {"noise.json",
         "{\"name\":\"f\",\"weights\":\"w.onnx\",\"decoder\":\"yolox\",\"threshold\":0,"
         "\"input\":{\"width\":32,\"height\":32},\"classes\":[\"a\"]}",
         NJ_E_CORRUPT, "w.onnx"},
    };
    f->detect.engine = NJ_ENGINE_ONNX;
    start(f);
    for (size_t turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
            char path[128];
            struct nj_detector *detector = NULL;
            struct nj_error error = {0};
            if (cases[i].manifest != NULL)
                write_file(f->folder, cases[i].file, cases[i].manifest);
            snprintf(path, sizeof path, "%s/%s", f->folder, cases[i].file);
            const int rc = nj_model_cache_get(f->cache, path, &detector, &error);
            if (rc != cases[i].code || strstr(error.text, cases[i].says) == NULL)
                fail_msg("%s: %d %s", cases[i].file, rc, error.text);
            assert_null(detector);
        }
    }
    const struct nj_model_cache_stats stats = stats_of(f);
    assert_int_equal(stats.models, 0);
    assert_int_equal(stats.bytes, 0);
    assert_int_equal(stats.failed, 2 * NJ_COUNT_OF(cases));
}

static void metrics_show_what_is_loaded(void **state)
{
    struct fixture *f = *state;
    struct nj_buf text;
    start(f);
    struct nj_detector *a = get(f, "a.json");
    struct nj_detector *again = get(f, "a.json");
    nj_buf_init(&text, 1 << 20);
    nj_metrics_write(f->metrics, &text);
    assert_int_equal(nj_buf_failed(&text), 0);
    assert_non_null(strstr(text.data, "model_cache_models 1\n"));
    assert_non_null(strstr(text.data, "model_cache_events_total{event=\"hit\"} 1\n"));
    assert_non_null(strstr(text.data, "model_cache_events_total{event=\"load\"} 1\n"));
    assert_null(strstr(text.data, "model_cache_bytes 0\n"));
    nj_buf_finish(&text);
    nj_model_cache_put(f->cache, a);
    nj_model_cache_put(f->cache, again);
}

// Threads that ask at the same moment.
struct asker {
    struct fixture *fixture;
    pthread_barrier_t *barrier;
    const char *file;
    pthread_t thread;
    struct nj_detector *detector;
    int rc;
};

static void ask(void *arg)
{
    struct asker *asker = arg;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", asker->fixture->folder, asker->file);
    pthread_barrier_wait(asker->barrier);
    asker->rc = nj_model_cache_get(asker->fixture->cache, path, &asker->detector, NULL);
}

static void ask_at_once(struct fixture *f, struct asker askers[THREADS], const char *file)
{
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        askers[i] = (struct asker){.fixture = f, .barrier = &barrier, .file = file};
        assert_int_equal(nj_thread_start(&askers[i].thread, "asker", ask, &askers[i], NULL), 0);
    }
    for (int i = 0; i < THREADS; i++)
        nj_thread_join(askers[i].thread);
    pthread_barrier_destroy(&barrier);
}

static bool write_networks(const struct fixture *f)
{
    char command[512];
    snprintf(command, sizeof command,
             "node '" NJ_TEST_SOURCE_DIR "/tools/make-onnx.mjs' '%s' 2>/dev/null", f->folder);
    return system(command) == 0;
}

static void threads_that_ask_at_once_load_once(void **state)
{
    struct fixture *f = *state;
    struct asker askers[THREADS];
    if (!write_networks(f)) {
        print_message("skipped: Node.js is not there to write the networks\n");
        skip();
    }
    f->detect.engine = NJ_ENGINE_ONNX;
    f->options.budget_bytes = 0; // so that each round loads anew
    start(f);
    write_manifest(f, "real.json", "real", "yolov8.onnx");
    for (uint64_t round = 1; round <= 5; round++) {
        ask_at_once(f, askers, "real.json");
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(askers[i].rc, 0);
            assert_ptr_equal(askers[i].detector, askers[0].detector);
        }
        assert_int_equal(stats_of(f).loads, round);
        assert_int_equal(stats_of(f).hits, round * (THREADS - 1));
        for (int i = 0; i < THREADS; i++)
            nj_model_cache_put(f->cache, askers[i].detector);
        assert_int_equal(stats_of(f).models, 0);
    }
    // All hear of the failure of the one that loads.
    write_manifest(f, "wrong.json", "wrong", "yolox.onnx");
    ask_at_once(f, askers, "wrong.json");
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(askers[i].rc, NJ_E_INVALID);
    assert_int_equal(stats_of(f).in_use, 0);
}

static void load_run_and_let_go(struct fixture *f, int round)
{
    static struct nj_detections found;
    char name[32];
    snprintf(name, sizeof name, "n%d", round % 7); // contents differ: nothing is kept
    write_manifest(f, "round.json", name, "yolov8.onnx");
    struct nj_detector *detector = get(f, "round.json");
    struct nj_detector_thread *thread = NULL;
    assert_int_equal(nj_detector_thread_borrow(detector, &thread, NULL), 0);
    struct nj_frame *frame = make_frame(64, 64);
    const struct nj_detect_request request = {.frames = &frame, .count = 1};
    assert_int_equal(nj_detector_run(thread, &request, &found, NULL), 0);
    assert_int_equal(found.count, 2);
    nj_frame_unref(frame);
    nj_detector_thread_give_back(thread);
    nj_model_cache_put(f->cache, detector);
}

static void memory_and_descriptors_stay_flat(void **state)
{
    struct fixture *f = *state;
    const int rounds = getenv("NJ_LONG") != NULL ? ROUNDS_LONG : ROUNDS;
    struct nj_process_stats before;
    struct nj_process_stats after;
    struct nj_progress progress;
    if (!write_networks(f)) {
        print_message("skipped: Node.js is not there to write the networks\n");
        skip();
    }
    f->detect.engine = NJ_ENGINE_ONNX;
    f->options.budget_bytes = 0;
    start(f);
    for (int i = 0; i < 10; i++) // allocators and the library warm up
        load_run_and_let_go(f, i);
    nj_process_stats_read(&before);
    nj_progress_begin(&progress, "loads of a model", (uint64_t)rounds);
    for (int i = 0; i < rounds; i++) {
        load_run_and_let_go(f, i);
        nj_progress_tell(&progress, (uint64_t)i + 1);
    }
    assert_int_equal(stats_of(f).loads, rounds + 10);
    assert_int_equal(stats_of(f).models, 0);
    nj_model_cache_destroy(f->cache); // so that nothing is still being freed
    f->cache = NULL;
    nj_process_stats_read(&after);
    assert_true(after.open_fds <= before.open_fds);
    assert_true(after.threads <= before.threads);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    // Of 50 rounds as of 1000: what leaks grows with them.
    const double grown = after.resident_bytes - before.resident_bytes;
    if (grown > 3e6)
        fail_msg("%d loads left %.0f bytes", rounds, grown);
#endif
}

int model_cache_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_users_of_one_content_share_one_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_weights_manifest_or_labels_are_another_model, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_cameras_choices_are_not_the_pipelines, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_unused_go_least_recently_used_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_gives_a_model_back_does_not_free_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_name_the_file_and_are_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metrics_show_what_is_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_that_ask_at_once_load_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_and_descriptors_stay_flat, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("model_cache", tests, NULL, NULL);
}
