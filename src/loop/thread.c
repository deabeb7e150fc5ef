// SPDX-License-Identifier: Apache-2.0
// Threads with names, waiting with deadlines, cancel tokens with parents.
#include "loop/thread.h"

#include "util/text.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { NJ_THREAD_NAME_SIZE = 16 }; // the kernel's limit, with the NUL

struct start {
    void (*fn)(void *arg);
    void *arg;
    char name[NJ_THREAD_NAME_SIZE];
};

static void *run(void *arg)
{
    struct start start = *(struct start *)arg;
    free(arg);
    pthread_setname_np(pthread_self(), start.name);
    start.fn(start.arg);
    return NULL;
}

void nj_thread_set_niceness(int niceness)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), niceness);
}

int nj_thread_start(pthread_t *out, const char *name, void (*fn)(void *arg), void *arg,
                    struct nj_error *err)
{
    struct start *start = malloc(sizeof(*start));
    if (!start)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to start thread %s", name);
    start->fn = fn;
    start->arg = arg;
    nj_text_copy(start->name, sizeof(start->name), name);
    // The new thread inherits the mask: signals stay with the thread that waits for them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int failure = pthread_create(&thread, NULL, run, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure) {
        free(start);
        return nj_error_errno(err, failure, "cannot start thread %s", name);
    }
    *out = thread;
    return 0;
}

void nj_thread_join(pthread_t thread)
{
    pthread_join(thread, NULL);
}

int nj_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes))
        return NJ_E_NOMEM;
    int failure = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (!failure)
        failure = pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
    return failure ? NJ_E_NOMEM : 0;
}

// Now plus `timeout_us`, kept within what time_t of the kernel takes.
static struct timespec deadline_after(nj_us timeout_us)
{
    static const nj_us longest_us = (nj_us)3600 * 24 * 365 * 100 * NJ_US_PER_S;
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    if (timeout_us > longest_us)
        timeout_us = longest_us;
    at.tv_sec += (time_t)(timeout_us / NJ_US_PER_S);
    at.tv_nsec += (long)(timeout_us % NJ_US_PER_S) * 1000;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_nsec -= 1000000000L;
        at.tv_sec++;
    }
    return at;
}

int nj_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, nj_us timeout_us)
{
    if (timeout_us < 0) {
        pthread_cond_wait(cond, mutex);
        return 0;
    }
    struct timespec deadline = deadline_after(timeout_us);
    return pthread_cond_timedwait(cond, mutex, &deadline) == ETIMEDOUT ? NJ_E_TIMEOUT : 0;
}

void nj_cancel_init(struct nj_cancel *cancel, const struct nj_cancel *parent)
{
    atomic_init(&cancel->fired, false);
    cancel->parent = parent;
}

void nj_cancel_fire(struct nj_cancel *cancel)
{
    atomic_store_explicit(&cancel->fired, true, memory_order_release);
}

bool nj_cancel_fired(const struct nj_cancel *cancel)
{
    for (; cancel; cancel = cancel->parent) {
        if (atomic_load_explicit(&cancel->fired, memory_order_acquire))
            return true;
    }
    return false;
}
