// SPDX-License-Identifier: Apache-2.0
// Archives by address for many callers: whoever comes first fetches, the others wait for it.
#include "archives/archive_store_priv.h"
#include "net/resolve.h"
#include "net/url.h"
#include "util/file.h"
#include "util/strmap.h"
#include "util/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct nj_archive_store {
    struct nj_archive_fetcher fetcher;
    pthread_mutex_t mutex;
    // Below: under the mutex.
    pthread_cond_t ended; // a fetch has, or a cancel token was fired
    struct nj_strmap *fetches;
};

// One address that is being fetched, as long as somebody has to do with it.
struct fetch {
    size_t users;
    bool done;
    int rc;
    struct nj_error error;
    struct nj_archive *archive;
};

int nj_archive_store_create(const struct nj_archive_options *options, const struct nj_clock *clock,
                            struct nj_log *log, struct nj_archive_store **out, struct nj_error *err)
{
    struct nj_archive_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the archive store");
    store->fetcher.options = options;
    store->fetcher.clock = clock;
    store->fetcher.log = log;
    store->fetches = nj_strmap_create(NULL);
    if (store->fetches == NULL || nj_resolver_create(&store->fetcher.resolver, NULL) != 0 ||
        nj_cond_init(&store->ended) != 0) {
        nj_resolver_destroy(store->fetcher.resolver);
        nj_strmap_destroy(store->fetches);
        free(store);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the archive store");
    }
    pthread_mutex_init(&store->mutex, NULL);
    nj_cache_sweep(options, log);
    *out = store;
    return 0;
}

void nj_archive_store_destroy(struct nj_archive_store *store)
{
    if (store == NULL)
        return;
    nj_resolver_destroy(store->fetcher.resolver);
    nj_strmap_destroy(store->fetches);
    pthread_cond_destroy(&store->ended);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

// The mutex is held.
static void leave_locked(struct nj_archive_store *store, const char *url, struct fetch *fetch)
{
    if (--fetch->users > 0)
        return;
    if (nj_strmap_get(store->fetches, url) == fetch)
        nj_strmap_remove(store->fetches, url);
    nj_archive_unref(fetch->archive);
    free(fetch);
}

void nj_archive_store_wake(struct nj_archive_store *store)
{
    if (store == NULL)
        return;
    pthread_mutex_lock(&store->mutex);
    pthread_cond_broadcast(&store->ended);
    pthread_mutex_unlock(&store->mutex);
}

// The mutex is held. Joins the fetch of this address or begins one, which *out_first tells.
static int join_locked(struct nj_archive_store *store, const char *url, struct fetch **out,
                       bool *out_first)
{
    struct fetch *fetch = nj_strmap_get(store->fetches, url);
    *out_first = fetch == NULL;
    if (fetch == NULL) {
        fetch = calloc(1, sizeof *fetch);
        if (fetch == NULL || nj_strmap_set(store->fetches, url, fetch) != 0) {
            free(fetch);
            return NJ_E_NOMEM;
        }
    }
    fetch->users++;
    *out = fetch;
    return 0;
}

// The mutex is held, and given back while waiting.
static int wait_locked(struct nj_archive_store *store, const struct fetch *fetch,
                       const struct nj_cancel *cancel)
{
    while (!fetch->done) {
        if (cancel != NULL && nj_cancel_fired(cancel))
            return NJ_E_CANCELLED;
        nj_cond_wait(&store->ended, &store->mutex, -1); // a fetch has deadlines of its own
    }
    return 0;
}

// The mutex is held, and given back while fetching.
static void lead_locked(struct nj_archive_store *store, const struct nj_archive_wish *wish,
                        struct fetch *fetch)
{
    struct nj_archive *archive = NULL;
    struct nj_error error = {0};
    pthread_mutex_unlock(&store->mutex);
    const int rc = nj_archive_fetch(&store->fetcher, wish, &archive, &error);
    pthread_mutex_lock(&store->mutex);
    fetch->archive = archive;
    fetch->rc = rc;
    fetch->error = error;
    fetch->done = true;
    nj_strmap_remove(store->fetches, wish->url); // later callers ask anew
    pthread_cond_broadcast(&store->ended);
}

static bool answers(const struct fetch *fetch, const struct nj_archive_wish *wish)
{
    if (fetch->rc == NJ_E_CANCELLED || fetch->rc == NJ_E_CONFLICT)
        return false; // the first one's own affair
    return fetch->rc != 0 || wish->sha256[0] == '\0' ||
           strcmp(fetch->archive->sha256, wish->sha256) == 0;
}

// One turn: fetches, or waits for who does. NJ_E_AGAIN: what came for another is not what was
// wished.
static int take_turn(struct nj_archive_store *store, const struct nj_archive_wish *wish,
                     struct nj_archive **out, struct nj_error *err)
{
    struct fetch *fetch = NULL;
    bool first = false;
    pthread_mutex_lock(&store->mutex);
    int rc = join_locked(store, wish->url, &fetch, &first);
    if (rc != 0) {
        pthread_mutex_unlock(&store->mutex);
        return nj_error_set(err, rc, "no memory to fetch an archive");
    }
    if (first)
        lead_locked(store, wish, fetch);
    else
        rc = wait_locked(store, fetch, wish->cancel);
    if (rc != 0)
        nj_error_set(err, rc, "cancelled");
    else if (!first && !answers(fetch, wish))
        rc = NJ_E_AGAIN;
    else if (fetch->rc != 0)
        rc = nj_error_set(err, fetch->rc == NJ_E_AGAIN ? NJ_E_UNAVAILABLE : fetch->rc, "%s",
                          fetch->error.text);
    else
        *out = nj_archive_ref(fetch->archive);
    leave_locked(store, wish->url, fetch);
    pthread_mutex_unlock(&store->mutex);
    return rc;
}

// Whether the file lies below one of the roots, when links are followed. `resolved` has PATH_MAX.
static bool is_below_roots(const struct nj_archive_options *options, const char *resolved)
{
    for (size_t i = 0; i < options->roots.count; i++) {
        char root[PATH_MAX];
        if (realpath(options->roots.items[i], root) != NULL && nj_path_is_below(resolved, root))
            return true;
    }
    return false;
}

static int fail_root(const char *path, struct nj_error *err)
{
    char shown[256];
    nj_text_printable(shown, sizeof shown, path);
    return nj_error_set(err, NJ_E_DENIED, "'%s' lies below none of archives.roots", shown);
}

static bool is_text_below(const struct nj_archive_options *options, const char *path)
{
    for (size_t i = 0; i < options->roots.count; i++) {
        char root[PATH_MAX];
        if (nj_path_is_below(path, options->roots.items[i]) ||
            (realpath(options->roots.items[i], root) != NULL && nj_path_is_below(path, root)))
            return true;
    }
    return false;
}

// The file itself; a name without a folder of its own is also looked for in each root. False: not
// there. `resolved` has PATH_MAX.
static bool resolve_local(const struct nj_archive_options *options, const char *path,
                          char *resolved)
{
    if (realpath(path, resolved) != NULL)
        return true;
    for (size_t i = 0; path[0] != '/' && i < options->roots.count; i++) {
        char candidate[PATH_MAX];
        const int length =
            snprintf(candidate, sizeof candidate, "%s/%s", options->roots.items[i], path);
        if (length < (int)sizeof candidate && realpath(candidate, resolved) != NULL)
            return true;
    }
    return false;
}

static int open_local(const struct nj_archive_store *store, const struct nj_archive_wish *wish,
                      const char *path, struct nj_archive **out, struct nj_error *err)
{
    const struct nj_archive_options *options = store->fetcher.options;
    char resolved[PATH_MAX], shown[256];
    struct nj_archive *archive = NULL;
    if (!resolve_local(options, path, resolved)) {
        if (!is_text_below(options, path))
            return fail_root(path, err); // nothing is told of what lies elsewhere
        return nj_error_errno(err, errno, "%s", path);
    }
    if (!is_below_roots(options, resolved))
        return fail_root(path, err);
    const int fd = open(resolved, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return nj_error_errno(err, errno, "%s", path);
    nj_text_printable(shown, sizeof shown, path);
    int rc = nj_archive_open_fd(options, fd, shown, &archive, err);
    close(fd);
    nj_cache_sweep(options, store->fetcher.log); // spares what was opened
    if (rc == 0 && wish->sha256[0] != '\0' && strcmp(wish->sha256, archive->sha256) != 0) {
        rc = nj_error_set(err, NJ_E_CONFLICT, "%s: its SHA-256 is %s, and %s was asked for", shown,
                          archive->sha256, wish->sha256);
        nj_archive_unref(archive);
    }
    if (rc == 0)
        *out = archive;
    return rc;
}

// The path of "file:///path" or "file://localhost/path", with %xx decoded.
static int path_of_url(const char *url, char out[PATH_MAX], struct nj_error *err)
{
    const char *at = url + strlen("file://");
    if (strncasecmp(at, "localhost/", 10) == 0)
        at += strlen("localhost");
    if (*at != '/')
        return nj_error_set(err, NJ_E_INVALID, "a file address is file:///path, without a host");
    if (strlen(at) >= PATH_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "the file address is too long");
    return nj_url_unescape(at, strlen(at), out, PATH_MAX)
               ? 0
               : nj_error_set(err, NJ_E_INVALID,
                              "the file address has a wrong %%-escape or a control character");
}

static int get(struct nj_archive_store *store, const struct nj_archive_wish *wish,
               struct nj_archive **out, struct nj_error *err)
{
    char path[PATH_MAX] = "";
    int rc = NJ_E_AGAIN;
    if (strncasecmp(wish->url, "http://", 7) == 0 || strncasecmp(wish->url, "https://", 8) == 0) {
        while (rc == NJ_E_AGAIN)
            rc = take_turn(store, wish, out, err);
        return rc;
    }
    if (strncasecmp(wish->url, "file://", 7) == 0) {
        rc = path_of_url(wish->url, path, err);
        return rc == 0 ? open_local(store, wish, path, out, err) : rc;
    }
    if (strstr(wish->url, "://") != NULL)
        return nj_error_set(err, NJ_E_DENIED,
                            "archives are taken from http://, https:// and file:// addresses, and "
                            "from paths below archives.roots");
    return open_local(store, wish, wish->url, out, err);
}

int nj_archive_store_get(struct nj_archive_store *store, const struct nj_archive_wish *wish,
                         struct nj_archive **out, struct nj_error *err)
{
    char wanted[NJ_SHA256_HEX_SIZE] = "";
    const size_t length = wish->sha256 != NULL ? strlen(wish->sha256) : 0;
    if (length != 0 && length != sizeof wanted - 1)
        return nj_error_set(err, NJ_E_INVALID, "a SHA-256 has 64 digits of 0-9 and a-f");
    for (size_t i = 0; i < length; i++) {
        wanted[i] = (char)tolower((unsigned char)wish->sha256[i]);
        if (nj_hex_value(wanted[i]) < 0)
            return nj_error_set(err, NJ_E_INVALID, "a SHA-256 has 64 digits of 0-9 and a-f");
    }
    // What the content names is the same whoever has it.
    if (length != 0 && nj_archive_open_cached(store->fetcher.options, wanted, out, NULL) == 0)
        return 0;
    const struct nj_archive_wish known = {wish->url, wanted, wish->cancel};
    return get(store, &known, out, err);
}
