// SPDX-License-Identifier: Apache-2.0
// Metrics: what a scrape reads, limits on foreign label values, and updates from many threads.
#include "health/metrics.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int metrics_test(void);

static const struct nj_metric_spec events_spec = {
    .type = NJ_COUNTER, .name = "events_total", .help = "Events made."};
static const struct nj_metric_spec depth_spec = {
    .type = NJ_GAUGE, .name = "pipeline_queue_depth", .help = "Waiting.", .label = "queue"};
static const double bounds[] = {0.1, 0.5, 1};
static const struct nj_metric_spec stage_spec = {
    .type = NJ_HISTOGRAM,
    .name = "stage_seconds",
    .help = "Time in\na \\ stage.",
    .label = "stage",
    .bounds = bounds,
    .bound_count = NJ_COUNT_OF(bounds),
};

// The exposition without the process_* family, which differs from run to run; free().
static char *write_own(struct nj_metrics *metrics)
{
    struct nj_buf buf;
    nj_buf_init(&buf, 1 << 20);
    nj_metrics_write(metrics, &buf);
    char *text = nj_buf_take(&buf, NULL);
    assert_non_null(text);
    char *process = strstr(text, "# HELP process_");
    assert_non_null(process);
    *process = '\0';
    return text;
}

static void assert_writes(struct nj_metrics *metrics, const char *expected)
{
    char *text = write_own(metrics);
    assert_string_equal(text, expected);
    free(text);
}

static void families_and_values_are_sorted(void **state)
{
    (void)state;
    struct nj_metrics *metrics = nj_metrics_create();
    assert_non_null(metrics);
    nj_metric_set(nj_metrics_get(metrics, &depth_spec, "detection"), 3);
    nj_metric_set(nj_metrics_get(metrics, &depth_spec, "analysis"), -0.25);
    nj_metric_add(nj_metrics_get(metrics, &events_spec, NULL), 2);
    assert_writes(metrics, "# HELP events_total Events made.\n"
                           "# TYPE events_total counter\n"
                           "events_total 2\n"
                           "# HELP pipeline_queue_depth Waiting.\n"
                           "# TYPE pipeline_queue_depth gauge\n"
                           "pipeline_queue_depth{queue=\"analysis\"} -0.25\n"
                           "pipeline_queue_depth{queue=\"detection\"} 3\n");
    nj_metrics_destroy(metrics);
    nj_metrics_destroy(NULL);
}

static void histogram_buckets_add_up_and_bounds_belong_to_them(void **state)
{
    (void)state;
    struct nj_metrics *metrics = nj_metrics_create();
    assert_non_null(metrics);
    struct nj_metric *metric = nj_metrics_get(metrics, &stage_spec, "detect");
    static const double values[] = {0.0625, 0.5, 0.75, 8, NAN};
    for (size_t i = 0; i < NJ_COUNT_OF(values); i++)
        nj_metric_observe(metric, values[i]);
    assert_int_equal(nj_metric_count(metric), 4);
    assert_true(nj_metric_value(metric) == 9.3125);
    assert_writes(metrics, "# HELP stage_seconds Time in\\na \\\\ stage.\n"
                           "# TYPE stage_seconds histogram\n"
                           "stage_seconds_bucket{stage=\"detect\",le=\"0.1\"} 1\n"
                           "stage_seconds_bucket{stage=\"detect\",le=\"0.5\"} 2\n"
                           "stage_seconds_bucket{stage=\"detect\",le=\"1\"} 3\n"
                           "stage_seconds_bucket{stage=\"detect\",le=\"+Inf\"} 4\n"
                           "stage_seconds_sum{stage=\"detect\"} 9.3125\n"
                           "stage_seconds_count{stage=\"detect\"} 4\n");
    nj_metrics_destroy(metrics);
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    struct nj_metrics *metrics = nj_metrics_create();
    assert_non_null(metrics);
    nj_metric_set(nj_metrics_get(metrics, &depth_spec, "a\"b\\c\nd"), 1);
    nj_metric_set(nj_metrics_get(metrics, &depth_spec, "bad\xff"), 2);
    nj_metric_set(nj_metrics_get(metrics, &depth_spec, "Garten-Süd"), 3);
    assert_writes(metrics, "# HELP pipeline_queue_depth Waiting.\n"
                           "# TYPE pipeline_queue_depth gauge\n"
                           "pipeline_queue_depth{queue=\"Garten-Süd\"} 3\n"
                           "pipeline_queue_depth{queue=\"a\\\"b\\\\c\\nd\"} 1\n"
                           "pipeline_queue_depth{queue=\"bad?\"} 2\n");
    nj_metrics_destroy(metrics);
}

static void numbers_read_back_the_same(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {0.1, "0.1"},
        {1e15, "1000000000000000"},
        {INFINITY, "+Inf"},
        {1e300, "1e+300"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
        {0.1 + 0.2, "0.30000000000000004"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_metrics *metrics = nj_metrics_create();
        assert_non_null(metrics);
        nj_metric_set(nj_metrics_get(metrics, &depth_spec, "q"), cases[i].value);
        char *text = write_own(metrics);
        char *last = strrchr(text, ' ') + 1;
        last[strlen(last) - 1] = '\0';
        assert_string_equal(last, cases[i].text);
        free(text);
        nj_metrics_destroy(metrics);
    }
}

static void same_name_and_value_is_the_same_series(void **state)
{
    (void)state;
    struct nj_metrics *metrics = nj_metrics_create();
    assert_non_null(metrics);
    struct nj_metric *first = nj_metrics_get(metrics, &depth_spec, "x");
    assert_ptr_equal(nj_metrics_get(metrics, &depth_spec, "x"), first);
    assert_ptr_not_equal(nj_metrics_get(metrics, &depth_spec, "y"), first);
    // A family of one series ignores the value.
    assert_ptr_equal(nj_metrics_get(metrics, &events_spec, "x"),
                     nj_metrics_get(metrics, &events_spec, NULL));
    nj_metrics_destroy(metrics);
}

static void values_beyond_two_hundred_share_other(void **state)
{
    (void)state;
    struct nj_metrics *metrics = nj_metrics_create();
    assert_non_null(metrics);
    char name[32];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "camera_%d", i);
        nj_metric_set(nj_metrics_get(metrics, &depth_spec, name), i);
    }
    struct nj_metric *other = nj_metrics_get(metrics, &depth_spec, "one more");
    assert_ptr_equal(nj_metrics_get(metrics, &depth_spec, "and another"), other);
    assert_ptr_equal(nj_metrics_get(metrics, &depth_spec, "other"), other);
    assert_true(nj_metric_value(nj_metrics_get(metrics, &depth_spec, "camera_199")) == 199);
    nj_metrics_destroy(metrics);
}

static void wrong_specs_and_wrong_updates_change_nothing(void **state)
{
    (void)state;
    static const double falling[] = {2, 1};
    static const struct nj_metric_spec wrong[] = {
        {.type = NJ_GAUGE, .name = "0abc", .help = ""},
        {.type = NJ_GAUGE, .name = "a-b", .help = ""},
        {.type = NJ_GAUGE, .name = "", .help = ""},
        {.type = NJ_GAUGE, .name = "abc", .help = "", .label = "a:b"},
        {.type = NJ_HISTOGRAM, .name = "abc", .help = "", .bounds = falling, .bound_count = 2},
        {.type = NJ_HISTOGRAM, .name = "abc", .help = "", .label = "le"},
        {.type = NJ_GAUGE, .name = "events_total", .help = ""}, // a counter already
        {.type = NJ_COUNTER, .name = "events_total", .help = "", .label = "kind"},
    };
    struct nj_metrics *metrics = nj_metrics_create();
    assert_non_null(metrics);
    struct nj_metric *events = nj_metrics_get(metrics, &events_spec, NULL);
    for (size_t i = 0; i < NJ_COUNT_OF(wrong); i++) {
        struct nj_metric *metric = nj_metrics_get(metrics, &wrong[i], "v");
        assert_non_null(metric);
        nj_metric_add(metric, 1);
        nj_metric_set(metric, 1);
        nj_metric_observe(metric, 1);
    }
    nj_metric_add(events, -1);
    nj_metric_add(events, NAN);
    nj_metric_set(events, 9);
    nj_metric_observe(events, 9);
    assert_writes(metrics, "# HELP events_total Events made.\n"
                           "# TYPE events_total counter\n"
                           "events_total 0\n");
    nj_metrics_destroy(metrics);
}

static void refresh_depth(void *arg)
{
    nj_metric_set(nj_metrics_get(arg, &depth_spec, "detection"), 7);
}

static void collectors_run_before_the_text_and_may_make_series(void **state)
{
    (void)state;
    struct nj_metrics *metrics = nj_metrics_create();
    assert_non_null(metrics);
    assert_int_equal(nj_metrics_add_collector(metrics, refresh_depth, metrics), 0);
    char *text = write_own(metrics);
    assert_non_null(strstr(text, "pipeline_queue_depth{queue=\"detection\"} 7\n"));
    free(text);
    int code = 0;
    for (int i = 0; i < 1000 && code == 0; i++)
        code = nj_metrics_add_collector(metrics, refresh_depth, metrics);
    assert_int_equal(code, NJ_E_FULL);
    nj_metrics_destroy(metrics);
}

static void process_family_closes_the_text(void **state)
{
    (void)state;
    static const char *const names[] = {
        "\nprocess_cpu_seconds_total ",
        "\nprocess_max_fds ",
        "\nprocess_open_fds ",
        "\nprocess_resident_memory_bytes ",
        "\nprocess_start_time_seconds ",
        "\nprocess_threads ",
        "\nprocess_virtual_memory_bytes ",
    };
    struct nj_metrics *metrics = nj_metrics_create();
    assert_non_null(metrics);
    struct nj_buf buf;
    nj_buf_init(&buf, 1 << 16);
    nj_metrics_write(metrics, &buf);
    const char *place = buf.data;
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        place = strstr(place, names[i]);
        assert_non_null(place);
    }
    nj_buf_finish(&buf);
    nj_metrics_destroy(metrics);
}

static void process_stats_follow_what_the_process_does(void **state)
{
    (void)state;
    struct nj_process_stats before;
    nj_process_stats_read(&before);
    int fd = dup(STDERR_FILENO);
    assert_true(fd >= 0);
    struct nj_process_stats after;
    nj_process_stats_read(&after);
    close(fd);
    assert_true(after.open_fds == before.open_fds + 1);
    assert_true(after.threads >= 1);
    assert_true(after.cpu_seconds >= before.cpu_seconds);
    assert_true(after.resident_bytes > 100 * 1024);
    assert_true(after.virtual_bytes >= after.resident_bytes);
    assert_true(after.start_s > 1.5e9); // after 2017: it is wall time and not time since boot
    assert_true(after.start_s == before.start_s);
}

enum { THREADS = 4, UPDATES = 20000 };

static void *update(void *arg)
{
    struct nj_metrics *metrics = arg;
    struct nj_metric *histogram = nj_metrics_get(metrics, &stage_spec, "detect");
    struct nj_metric *counter = nj_metrics_get(metrics, &events_spec, NULL);
    for (int i = 0; i < UPDATES; i++) {
        nj_metric_observe(histogram, 0.25);
        nj_metric_add(counter, 0.5);
        if (i % 4096 == 0)
            nj_metrics_get(metrics, &depth_spec, i % 8192 ? "a" : "b");
    }
    return NULL;
}

static void no_update_of_many_threads_is_lost_while_one_writes(void **state)
{
    (void)state;
    struct nj_metrics *metrics = nj_metrics_create();
    assert_non_null(metrics);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, update, metrics), 0);
    for (int i = 0; i < 20; i++)
        free(write_own(metrics));
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct nj_metric *histogram = nj_metrics_get(metrics, &stage_spec, "detect");
    assert_int_equal(nj_metric_count(histogram), THREADS * UPDATES);
    assert_true(nj_metric_value(histogram) == 0.25 * THREADS * UPDATES);
    assert_true(nj_metric_value(nj_metrics_get(metrics, &events_spec, NULL)) ==
                0.5 * THREADS * UPDATES);
    nj_metrics_destroy(metrics);
}

int metrics_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_and_values_are_sorted),
        cmocka_unit_test(histogram_buckets_add_up_and_bounds_belong_to_them),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(numbers_read_back_the_same),
        cmocka_unit_test(same_name_and_value_is_the_same_series),
        cmocka_unit_test(values_beyond_two_hundred_share_other),
        cmocka_unit_test(wrong_specs_and_wrong_updates_change_nothing),
        cmocka_unit_test(collectors_run_before_the_text_and_may_make_series),
        cmocka_unit_test(process_family_closes_the_text),
        cmocka_unit_test(process_stats_follow_what_the_process_does),
        cmocka_unit_test(no_update_of_many_threads_is_lost_while_one_writes),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
