// SPDX-License-Identifier: Apache-2.0
// getaddrinfo in front of the C library's: the program's own definition is the one that it and its
// shared libraries are linked to.
#include "tests/fake/names.h"

#include "loop/thread.h"
#include "util/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    NAMES_MAX = 16,
    ADDRESSES_MAX = 4,
    TEXT_SIZE = 64,
    PATIENCE_US = 10 * NJ_US_PER_S, // for a lookup that a test waits for
};

struct name {
    char host[TEXT_SIZE];
    char addresses[ADDRESSES_MAX][TEXT_SIZE];
    size_t count, asked;
    bool hangs;
};

// The C library's names are the program's, and so are these.
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct name names[NAMES_MAX];
    size_t count, hanging;
    bool released;
} fake = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

typedef int lookup_fn(const char *host, const char *service, const struct addrinfo *hints,
                      struct addrinfo **out);

static struct name *find(const char *host)
{
    for (size_t i = 0; host != NULL && i < fake.count; i++)
        if (strcasecmp(fake.names[i].host, host) == 0)
            return &fake.names[i];
    return NULL;
}

static int look_up_really(const char *host, const char *service, const struct addrinfo *hints,
                          struct addrinfo **out)
{
    lookup_fn *real = NULL;
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &found, sizeof real);
    return real != NULL ? real(host, service, hints, out) : EAI_SYSTEM;
}

// All addresses of the name, by the real function, so that freeaddrinfo fits.
static int answer(const struct name *name, const char *service, const struct addrinfo *hints,
                  struct addrinfo **out)
{
    struct addrinfo *list = NULL, **end = &list;
    struct addrinfo own = hints != NULL ? *hints : (struct addrinfo){.ai_family = AF_UNSPEC};
    own.ai_flags |= AI_NUMERICHOST;
    for (size_t i = 0; i < name->count; i++) {
        if (look_up_really(name->addresses[i], service, &own, end) != 0)
            *end = NULL;
        while (*end != NULL)
            end = &(*end)->ai_next;
    }
    *out = list;
    return list != NULL ? 0 : EAI_NONAME;
}

static int hang(void)
{
    fake.hanging++;
    pthread_cond_broadcast(&fake.changed);
    while (!fake.released)
        pthread_cond_wait(&fake.changed, &fake.mutex);
    fake.hanging--;
    pthread_cond_broadcast(&fake.changed);
    return EAI_AGAIN;
}

lookup_fn getaddrinfo;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    struct name copy;
    pthread_mutex_lock(&fake.mutex);
    bool digits = hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0;
    struct name *name = digits ? NULL : find(host);
    bool known = name != NULL, hangs = known && name->hangs;
    int rc = 0;
    if (known) {
        name->asked++;
        copy = *name;
    }
    if (hangs)
        rc = hang();
    pthread_mutex_unlock(&fake.mutex);
    if (hangs)
        return rc;
    return known ? answer(&copy, service, hints, out) : look_up_really(host, service, hints, out);
}

static void put(const char *host, const char *address, bool besides)
{
    pthread_mutex_lock(&fake.mutex);
    struct name *name = find(host);
    assert_true(name != NULL || fake.count < NAMES_MAX);
    if (name == NULL) {
        name = &fake.names[fake.count++];
        *name = (struct name){.count = 0};
        assert_true(nj_text_copy(name->host, sizeof name->host, host));
    }
    name->hangs = address == NULL;
    if (!besides)
        name->count = 0;
    if (address != NULL && address[0] != '\0') {
        assert_true(name->count < ADDRESSES_MAX);
        assert_true(nj_text_copy(name->addresses[name->count++], TEXT_SIZE, address));
    }
    pthread_mutex_unlock(&fake.mutex);
}

void nj_fake_names_set(const char *host, const char *address)
{
    put(host, address, false);
}

void nj_fake_names_add(const char *host, const char *address)
{
    put(host, address, true);
}

size_t nj_fake_names_asked(const char *host)
{
    pthread_mutex_lock(&fake.mutex);
    const struct name *name = find(host);
    size_t asked = name != NULL ? name->asked : 0;
    pthread_mutex_unlock(&fake.mutex);
    return asked;
}

void nj_fake_names_await_hanging(size_t count)
{
    const nj_us deadline_us = nj_wall_us(nj_clock_real()) + PATIENCE_US;
    const struct timespec until = {.tv_sec = deadline_us / NJ_US_PER_S};
    int rc = 0;
    pthread_mutex_lock(&fake.mutex);
    while (fake.hanging < count && rc == 0)
        rc = pthread_cond_timedwait(&fake.changed, &fake.mutex, &until);
    bool there = fake.hanging >= count;
    pthread_mutex_unlock(&fake.mutex);
    assert_true(there);
}

size_t nj_fake_names_threads(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count - 2; // "." and ".."
}

void nj_fake_names_await_threads(size_t at_most)
{
    const struct timespec moment = {.tv_nsec = NJ_US_PER_MS * 1000};
    const nj_us end_us = nj_mono_us(nj_clock_real()) + PATIENCE_US;
    while (nj_fake_names_threads() > at_most) {
        assert_true(nj_mono_us(nj_clock_real()) < end_us);
        (void)nanosleep(&moment, NULL); // nothing tells that a detached thread has ended
    }
}

void nj_fake_names_finish(void)
{
    pthread_mutex_lock(&fake.mutex);
    fake.released = true;
    pthread_cond_broadcast(&fake.changed);
    while (fake.hanging > 0)
        pthread_cond_wait(&fake.changed, &fake.mutex);
    fake.released = false;
    fake.count = 0;
    pthread_mutex_unlock(&fake.mutex);
}
