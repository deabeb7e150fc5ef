// SPDX-License-Identifier: Apache-2.0
// Threads, waiting with a deadline, cancel tokens.
#include "loop/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>

int thread_test(void);

struct seen {
    char name[16];
    int blocked; // of the signals that a process is told to stop or reload with
};

static void look(void *arg)
{
    struct seen *seen = arg;
    sigset_t mask;
    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    seen->blocked = sigismember(&mask, SIGTERM) + sigismember(&mask, SIGINT) +
                    sigismember(&mask, SIGHUP) + sigismember(&mask, SIGUSR1);
}

static void thread_has_its_name_and_no_signals(void **state)
{
    (void)state;
    struct seen seen = {0};
    pthread_t thread;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(nj_thread_start(&thread, "a-very-long-thread-name", look, &seen, NULL), 0);
    nj_thread_join(thread);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_string_equal(seen.name, "a-very-long-thr");
    assert_int_equal(seen.blocked, 4);
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

static void wait_ends_at_its_deadline(void **state)
{
    (void)state;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    assert_int_equal(nj_cond_init(&cond), 0);
    pthread_mutex_lock(&mutex);
    nj_us start = nj_mono_us(nj_clock_real());
    int rc = 0;
    while (rc == 0) // spurious wake-ups
        rc = nj_cond_wait(&cond, &mutex, 2000);
    assert_int_equal(rc, NJ_E_TIMEOUT);
    assert_true(nj_mono_us(nj_clock_real()) - start >= 2000);
    assert_int_equal(nj_cond_wait(&cond, &mutex, 0), NJ_E_TIMEOUT);
    pthread_mutex_unlock(&mutex);
    pthread_cond_destroy(&cond);
}

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool open;
};

static void open_gate(void *arg)
{
    struct gate *gate = arg;
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_signal(&gate->cond);
    pthread_mutex_unlock(&gate->mutex);
}

static void wait_ends_when_signalled(void **state)
{
    (void)state;
    static const nj_us timeouts[] = {-1, INT64_MAX}; // for ever, and nearly so
    for (size_t i = 0; i < 2; i++) {
        struct gate gate = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        pthread_t thread;
        assert_int_equal(nj_cond_init(&gate.cond), 0);
        assert_int_equal(nj_thread_start(&thread, "gate", open_gate, &gate, NULL), 0);
        pthread_mutex_lock(&gate.mutex);
        while (!gate.open)
            assert_int_equal(nj_cond_wait(&gate.cond, &gate.mutex, timeouts[i]), 0);
        pthread_mutex_unlock(&gate.mutex);
        nj_thread_join(thread);
        pthread_cond_destroy(&gate.cond);
    }
}

static void children_fire_with_their_parent_and_not_the_other_way(void **state)
{
    (void)state;
    struct nj_cancel root, middle, leaf, other;
    nj_cancel_init(&root, NULL);
    nj_cancel_init(&middle, &root);
    nj_cancel_init(&leaf, &middle);
    nj_cancel_init(&other, &root);
    assert_false(nj_cancel_fired(&leaf));
    nj_cancel_fire(&middle);
    assert_true(nj_cancel_fired(&middle) && nj_cancel_fired(&leaf));
    assert_false(nj_cancel_fired(&root) || nj_cancel_fired(&other));
    nj_cancel_fire(&root);
    assert_true(nj_cancel_fired(&other));
    assert_false(nj_cancel_fired(NULL));
}

int thread_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_has_its_name_and_no_signals),
        cmocka_unit_test(wait_ends_at_its_deadline),
        cmocka_unit_test(wait_ends_when_signalled),
        cmocka_unit_test(children_fire_with_their_parent_and_not_the_other_way),
    };
    return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
