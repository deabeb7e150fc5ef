// SPDX-License-Identifier: Apache-2.0
// The scheduler's promises: every job ends once, on an inference thread, with the right outcome.
#include "tests/unit/detect/detect_helper.h"

#include "detect/scheduler.h"
#include "health/pipeline_metrics.h"
#include "tests/fake/fake_clock.h"
#include "util/mem.h"

#include <stdlib.h>
#include <string.h>

int scheduler_test(void);

static const nj_us patience_us = 20 * (nj_us)NJ_US_PER_S;

// A gate at which jobs wait inside `load`, so that a test decides when a thread is busy.
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool open;
    int inside, ended;
    int outcomes[64]; // rc of ended jobs in order
    char order[64];   // first letters of their sources
    pthread_t ender;  // thread of the newest `done`
};

struct test_job {
    struct nj_detect_job job;
    struct gate *gate;
    bool fails, waits, empty;
};

struct fixture {
    struct nj_fake_clock clock;
    const char *script;
    struct nj_detector *detector;
    struct nj_scheduler *scheduler;
    struct nj_metrics *metrics; // NULL: none
    struct gate gate;
    struct test_job jobs[64];
    int used;
};

static int load(struct nj_detect_job *base, const struct nj_job_tools *tools, struct nj_frame **out,
                struct nj_error *err)
{
    struct test_job *job = NJ_CONTAINER_OF(base, struct test_job, job);
    struct gate *gate = job->gate;
    assert_non_null(tools->decoder);
    pthread_mutex_lock(&gate->mutex);
    gate->inside++;
    pthread_cond_broadcast(&gate->cond);
    while (job->waits && !gate->open)
        assert_int_equal(nj_cond_wait(&gate->cond, &gate->mutex, patience_us), 0);
    gate->inside--;
    pthread_mutex_unlock(&gate->mutex);
    if (job->empty)
        return NJ_E_AGAIN;
    if (job->fails)
        return nj_error_set(err, NJ_E_CORRUPT, "no picture");
    return nj_frame_allocate(16, 16, NJ_PIXEL_I420, out); // not the place for an assertion
}

static void done(struct nj_detect_job *base)
{
    struct test_job *job = NJ_CONTAINER_OF(base, struct test_job, job);
    struct gate *gate = job->gate;
    pthread_mutex_lock(&gate->mutex);
    gate->outcomes[gate->ended] = base->rc;
    gate->order[gate->ended++] = base->source[0];
    gate->ender = pthread_self();
    pthread_cond_broadcast(&gate->cond);
    pthread_mutex_unlock(&gate->mutex);
    nj_frame_unref(base->frame);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    nj_fake_clock_init(&f->clock, 0);
    pthread_mutex_init(&f->gate.mutex, NULL);
    nj_cond_init(&f->gate.cond);
    struct nj_detect_options options = make_options();
    f->script = "[[{\"class\":\"dog\",\"confidence\":0.5,\"bbox\":{\"x\":1,\"y\":1,"
                "\"width\":5,\"height\":5}}]]";
    options.null_script = f->script;
    const struct nj_detector_config config = {.options = &options, .clock = &f->clock.clock};
    assert_int_equal(nj_detector_create(&config, &f->detector, NULL), 0);
    *state = f;
    return 0;
}

static void start(struct fixture *f, int64_t threads, int64_t max_jobs)
{
    const struct nj_scheduler_config config = {.detector = f->detector,
                                               .clock = &f->clock.clock,
                                               .metrics = f->metrics,
                                               .threads = threads,
                                               .max_jobs = max_jobs};
    assert_int_equal(nj_scheduler_create(&config, &f->scheduler, NULL), 0);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    nj_scheduler_destroy(f->scheduler);
    nj_detector_destroy(f->detector);
    nj_metrics_destroy(f->metrics);
    pthread_cond_destroy(&f->gate.cond);
    pthread_mutex_destroy(&f->gate.mutex);
    free(f);
    return 0;
}

static struct test_job *next_job(struct fixture *f, const char *source, nj_us deadline_us)
{
    struct test_job *job = &f->jobs[f->used++];
    job->gate = &f->gate;
    job->job = (struct nj_detect_job){
        .source = source, .deadline_us = deadline_us, .load = load, .done = done};
    return job;
}

static void submit(struct fixture *f, const char *source, nj_us deadline_us)
{
    struct test_job *job = next_job(f, source, deadline_us);
    assert_int_equal(nj_scheduler_submit(f->scheduler, &job->job), 0);
}

// One job that keeps the only thread busy until the gate opens.
static void block(struct fixture *f)
{
    struct test_job *job = next_job(f, "0", 0);
    job->waits = true;
    assert_int_equal(nj_scheduler_submit(f->scheduler, &job->job), 0);
    pthread_mutex_lock(&f->gate.mutex);
    while (f->gate.inside == 0)
        assert_int_equal(nj_cond_wait(&f->gate.cond, &f->gate.mutex, patience_us), 0);
    pthread_mutex_unlock(&f->gate.mutex);
}

static void open_gate(struct fixture *f)
{
    pthread_mutex_lock(&f->gate.mutex);
    f->gate.open = true;
    pthread_cond_broadcast(&f->gate.cond);
    pthread_mutex_unlock(&f->gate.mutex);
}

static void wait_for_ends(struct fixture *f, int count)
{
    pthread_mutex_lock(&f->gate.mutex);
    while (f->gate.ended < count)
        assert_int_equal(nj_cond_wait(&f->gate.cond, &f->gate.mutex, patience_us), 0);
    pthread_mutex_unlock(&f->gate.mutex);
}

static void a_job_ends_with_its_detections_on_an_inference_thread(void **state)
{
    struct fixture *f = *state;
    start(f, 2, 10);
    submit(f, "a", 0);
    wait_for_ends(f, 1);
    assert_int_equal(f->gate.outcomes[0], 0);
    assert_int_equal(f->jobs[0].job.result.count, 1);
    assert_false(pthread_equal(f->gate.ender, pthread_self()));
    struct nj_scheduler_stats stats;
    nj_scheduler_get_stats(f->scheduler, &stats);
    assert_int_equal(stats.jobs, 1);
    assert_int_equal(stats.batches, 1);
    assert_int_equal(stats.threads, 2);
    assert_int_equal(stats.waiting, 0);
}

static void a_picture_that_does_not_load_fails_alone(void **state)
{
    struct fixture *f = *state;
    start(f, 1, 10);
    struct test_job *bad = next_job(f, "b", 0);
    bad->fails = true;
    assert_int_equal(nj_scheduler_submit(f->scheduler, &bad->job), 0);
    submit(f, "b", 0);
    wait_for_ends(f, 2);
    assert_int_equal(f->gate.outcomes[0], NJ_E_CORRUPT);
    assert_string_equal(bad->job.error.text, "no picture");
    assert_int_equal(f->gate.outcomes[1], 0);
    struct nj_scheduler_stats stats;
    nj_scheduler_get_stats(f->scheduler, &stats);
    assert_int_equal(stats.failed, 1);
}

static void where_there_is_no_picture_nothing_is_counted(void **state)
{
    struct fixture *f = *state;
    f->metrics = nj_metrics_create();
    start(f, 1, 10);
    struct test_job *none = next_job(f, "b", 0);
    none->empty = true;
    assert_int_equal(nj_scheduler_submit(f->scheduler, &none->job), 0);
    submit(f, "b", 0);
    wait_for_ends(f, 2);
    assert_int_equal(f->gate.outcomes[0], NJ_E_AGAIN);
    assert_int_equal(f->gate.outcomes[1], 0);
    struct nj_scheduler_stats stats;
    nj_scheduler_get_stats(f->scheduler, &stats);
    assert_int_equal(stats.jobs, 1);
    assert_int_equal(stats.failed, 0);
    assert_true(nj_metric_value(nj_pipeline_jobs(f->metrics, "failed")) == 0);
    assert_true(nj_metric_value(nj_pipeline_jobs(f->metrics, "ok")) == 1);
}

static void a_job_whose_time_is_over_ends_unrun(void **state)
{
    struct fixture *f = *state;
    start(f, 1, 10);
    block(f);
    submit(f, "p", nj_mono_us(&f->clock.clock) + 1000);
    submit(f, "d", 0);
    nj_fake_clock_advance(&f->clock, 1001);
    open_gate(f);
    wait_for_ends(f, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(f->gate.outcomes[i], f->gate.order[i] == 'p' ? NJ_E_TIMEOUT : 0);
    struct nj_scheduler_stats stats;
    nj_scheduler_get_stats(f->scheduler, &stats);
    assert_int_equal(stats.expired, 1);
    assert_int_equal(stats.failed, 0);
}

static void a_newer_live_picture_ends_the_waiting_one(void **state)
{
    struct fixture *f = *state;
    start(f, 1, 10);
    block(f);
    const nj_us later = nj_mono_us(&f->clock.clock) + NJ_US_PER_S;
    for (int i = 0; i < 3; i++)
        submit(f, "p", later);
    open_gate(f);
    wait_for_ends(f, 4);
    assert_int_equal(f->jobs[1].job.rc, NJ_E_TIMEOUT);
    assert_int_equal(f->jobs[2].job.rc, NJ_E_TIMEOUT);
    assert_int_equal(f->jobs[3].job.rc, 0);
}

static void too_many_jobs_are_refused_without_done(void **state)
{
    struct fixture *f = *state;
    start(f, 1, 2);
    block(f);
    submit(f, "a", 0);
    submit(f, "a", 0);
    struct test_job *extra = next_job(f, "x", 0);
    assert_int_equal(nj_scheduler_submit(f->scheduler, &extra->job), NJ_E_FULL);
    open_gate(f);
    wait_for_ends(f, 3);
    submit(f, "a", 0); // there is room again
    wait_for_ends(f, 4);
    assert_null(strchr(f->gate.order, 'x'));
}

static void sources_share_fairly(void **state)
{
    struct fixture *f = *state;
    start(f, 1, 50);
    block(f);
    for (int i = 0; i < 6; i++)
        submit(f, "a", 0);
    submit(f, "b", 0);
    submit(f, "c", 0);
    open_gate(f);
    wait_for_ends(f, 9);
    assert_string_equal(f->gate.order, "0abcaaaaa");
}

// A detector of the fixture's script with a model that takes three pictures at once.
static void make_batching(struct fixture *f, struct nj_detector **out)
{
    char folder[64];
    make_folder(folder);
    write_file(folder, "m.json",
               "{\"name\":\"m\",\"weights\":\"w\",\"decoder\":\"yolox\",\"threshold\":0.2,"
               "\"max_batch\":3,\"input\":{\"width\":32,\"height\":32},\"classes\":[\"dog\"]}");
    struct nj_detect_options options = make_options();
    options.models_folder = folder;
    options.model = "m";
    options.null_script = f->script;
    const struct nj_detector_config config = {.options = &options, .clock = &f->clock.clock};
    assert_int_equal(nj_detector_create(&config, out, NULL), 0);
    remove_folder(folder);
}

static void a_model_that_allows_it_gets_batches_across_sources(void **state)
{
    struct fixture *f = *state;
    static const char *const sources[] = {"a", "b", "c", "d"};
    nj_detector_destroy(f->detector);
    f->detector = NULL;
    make_batching(f, &f->detector);
    start(f, 1, 50);
    block(f);
    for (size_t i = 0; i < 4; i++)
        submit(f, sources[i], 0);
    struct test_job *bad = next_job(f, "e", 0);
    bad->fails = true;
    assert_int_equal(nj_scheduler_submit(f->scheduler, &bad->job), 0);
    open_gate(f);
    wait_for_ends(f, 6);
    struct nj_scheduler_stats stats;
    nj_scheduler_get_stats(f->scheduler, &stats);
    assert_int_equal(stats.batches, 3);
    // The blocker alone, then three, then one of two: what does not load leaves the batch.
    assert_string_equal(f->gate.order, "0abced");
    assert_int_equal(bad->job.rc, NJ_E_CORRUPT);
    assert_int_equal(f->jobs[4].job.rc, 0);
}

static void a_batch_has_one_model_one_threshold_and_one_choice(void **state)
{
    struct fixture *f = *state;
    struct nj_detector *other = NULL;
    const bool no_dogs[1] = {false};
    make_batching(f, &other);
    start(f, 1, 50);
    block(f);
    for (int i = 0; i < 9; i++) { // sources a to i: the order is theirs
        static const char *const sources[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
        struct nj_detect_job *job = &next_job(f, sources[i], 0)->job;
        job->detector = i < 8 ? other : NULL;
        job->threshold = i == 4 ? 0.6F : 0;
        job->wanted = i == 6 ? no_dogs : NULL;
        if (i == 2)
            job->crop = (struct nj_rect){.x = 8, .w = 8, .h = 8};
        assert_int_equal(nj_scheduler_submit(f->scheduler, job), 0);
    }
    open_gate(f);
    wait_for_ends(f, 10);
    struct nj_scheduler_stats stats;
    nj_scheduler_get_stats(f->scheduler, &stats);
    assert_int_equal(stats.batches, 8);
    assert_string_equal(f->gate.order, "0abcdefghi");
    // Runs: the blocker, abc, d, e (its threshold), f, g (its choice), h, i (the other model).
    static const size_t found[] = {1, 1, 0, 1, 0, 1, 0, 1, 1};
    for (int i = 0; i < 9; i++) {
        assert_int_equal(f->jobs[1 + i].job.rc, 0);
        assert_int_equal(f->jobs[1 + i].job.result.count, found[i]);
    }
    nj_scheduler_destroy(f->scheduler); // before the other model
    f->scheduler = NULL;
    // The other model has one class, the scheduler's has eighty.
    assert_int_equal(f->jobs[1].job.result.items[0].class_id, 0);
    assert_string_equal(
        nj_detector_class_name(f->detector, f->jobs[9].job.result.items[0].class_id), "dog");
    nj_detector_destroy(other);
}

static void kept_live_work_ends_with_its_result(void **state)
{
    struct fixture *f = *state;
    start(f, 1, 10);
    block(f);
    for (int i = 0; i < 3; i++) {
        struct nj_detect_job *job =
            &next_job(f, "p", nj_mono_us(&f->clock.clock) + NJ_US_PER_S)->job;
        job->keep = i < 2;
        assert_int_equal(nj_scheduler_submit(f->scheduler, job), 0);
    }
    open_gate(f);
    wait_for_ends(f, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(f->gate.outcomes[i], 0);
}

static void destroy_ends_what_waits_as_cancelled(void **state)
{
    struct fixture *f = *state;
    start(f, 1, 50);
    block(f);
    for (int i = 0; i < 5; i++)
        submit(f, "a", 0);
    submit(f, "p", nj_mono_us(&f->clock.clock) + NJ_US_PER_S);
    submit(f, "p", nj_mono_us(&f->clock.clock) + NJ_US_PER_S);
    open_gate(f);
    nj_scheduler_destroy(f->scheduler);
    f->scheduler = NULL;
    assert_int_equal(f->gate.ended, 8); // each once
    for (int i = 0; i < 8; i++)
        assert_true(f->gate.outcomes[i] == 0 || f->gate.outcomes[i] == NJ_E_CANCELLED ||
                    f->gate.outcomes[i] == NJ_E_TIMEOUT);
}

int scheduler_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_ends_with_its_detections_on_an_inference_thread,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_picture_that_does_not_load_fails_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(where_there_is_no_picture_nothing_is_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_job_whose_time_is_over_ends_unrun, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_live_picture_ends_the_waiting_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(too_many_jobs_are_refused_without_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sources_share_fairly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_model_that_allows_it_gets_batches_across_sources, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_batch_has_one_model_one_threshold_and_one_choice, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(kept_live_work_ends_with_its_result, set_up, tear_down),
        cmocka_unit_test_setup_teardown(destroy_ends_what_waits_as_cancelled, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
