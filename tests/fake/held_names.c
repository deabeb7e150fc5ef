// SPDX-License-Identifier: Apache-2.0
// A resolver that does not answer.
#include "tests/fake/held_names.h"

#include "util/clock.h"

#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

enum { ENOUGH_S = 20 };
static const char suffix[] = ".held.test";

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool holds;
    size_t asked;
} names = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};

static bool is_held_name(const char *host)
{
    const size_t length = host != NULL ? strlen(host) : 0;
    return length >= sizeof suffix - 1 && strcmp(host + length - (sizeof suffix - 1), suffix) == 0;
}

static int wait_for_release(void)
{
    pthread_mutex_lock(&names.lock);
    names.asked++;
    pthread_cond_broadcast(&names.changed);
    while (names.holds)
        pthread_cond_wait(&names.changed, &names.lock);
    names.asked--;
    pthread_mutex_unlock(&names.lock);
    return EAI_AGAIN;
}

// In front of the C library's, for everything that this program is linked with.
int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    if (is_held_name(host))
        return wait_for_release();
    if (found == NULL)
        return EAI_SYSTEM;
    memcpy(&real, &found, sizeof real);
    return real(host, service, hints, out);
}

void nj_names_hold(void)
{
    pthread_mutex_lock(&names.lock);
    names.holds = true;
    pthread_mutex_unlock(&names.lock);
}

void nj_names_until_asked(size_t count)
{
    struct timespec deadline;
    int late = 0;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += ENOUGH_S;
    pthread_mutex_lock(&names.lock);
    while (names.asked < count && late == 0)
        late = pthread_cond_timedwait(&names.changed, &names.lock, &deadline);
    pthread_mutex_unlock(&names.lock);
    assert_int_equal(late, 0);
}

void nj_names_release(void)
{
    pthread_mutex_lock(&names.lock);
    names.holds = false;
    pthread_cond_broadcast(&names.changed);
    pthread_mutex_unlock(&names.lock);
}

size_t nj_names_threads(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count - 2; // "." and ".."
}

void nj_names_until_threads(size_t at_most)
{
    const struct timespec moment = {.tv_nsec = NJ_US_PER_MS * 1000};
    const nj_us end = nj_mono_us(nj_clock_real()) + ENOUGH_S * (nj_us)NJ_US_PER_S;
    while (nj_names_threads() > at_most) {
        assert_true(nj_mono_us(nj_clock_real()) < end);
        (void)nanosleep(&moment, NULL);
    }
}
