// SPDX-License-Identifier: Apache-2.0
// Archives over HTTP: asked for only when they may have changed, resumed where they broke off.
#include "net/http_fetch.h"
#include "archives/archive_store_priv.h"
#include "util/digest.h"
#include "util/file.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    REDIRECTS_MAX = 5,
    TRIES_MAX = 8, // each has to bring something
    HEADERS_MAX = 4,
    HEADER_SIZE = NJ_NOTE_TAG_SIZE + 32,
    SHOWN_SIZE = 200
};

struct fetching {
    const struct nj_archive_options *options;
    const struct nj_clock *clock;
    struct nj_log *log;
    struct nj_resolver *resolver;
    const struct nj_archive_wish *wish;
    char key[NJ_SHA256_HEX_SIZE]; // of the address
    char shown[SHOWN_SIZE];       // the address without secrets
    struct nj_note note;
    char part[NJ_ARCHIVE_PATH_MAX];
    int fd;         // of the part
    int64_t offset; // bytes of it that are there
    int64_t before; // the same when this try began
    int status;
    char etag[NJ_NOTE_TAG_SIZE], last_modified[NJ_NOTE_DATE_SIZE]; // of this answer
};

static bool is_strong(const char *etag)
{
    return etag[0] == '"';
}

static int start_over(struct fetching *fetching, struct nj_error *err)
{
    fetching->offset = 0;
    if (ftruncate(fetching->fd, 0) != 0)
        return nj_error_errno(err, errno, "%s", fetching->part);
    return 0;
}

static int refuse_status(int status, struct nj_error *err)
{
    if (status == 404 || status == 410)
        return nj_error_set(err, NJ_E_NOT_FOUND, "the server has no such file (status %d)", status);
    if (status == 401 || status == 403)
        return nj_error_set(err, NJ_E_DENIED, "the server refuses it (status %d)", status);
    return nj_error_set(err, NJ_E_UNAVAILABLE, "the server answers with status %d", status);
}

static int on_begin(void *context, const struct nj_http_answer *answer, struct nj_error *err)
{
    struct fetching *fetching = context;
    fetching->status = answer->status;
    nj_text_copy(fetching->etag, sizeof fetching->etag, answer->etag);
    nj_text_copy(fetching->last_modified, sizeof fetching->last_modified, answer->last_modified);
    if (answer->status == 304)
        return 0;
    if (answer->status == 206) {
        if (answer->range_start == fetching->offset)
            return 0;
        start_over(fetching, NULL);
        return nj_error_set(err, NJ_E_AGAIN, "the server sent another range than was asked for");
    }
    if (answer->status == 416) { // shorter than what we have: another file
        start_over(fetching, NULL);
        return nj_error_set(err, NJ_E_AGAIN, "the server has less than was fetched already");
    }
    if (answer->status != 200)
        return refuse_status(answer->status, err);
    int rc = start_over(fetching, err);
    if (rc != 0)
        return rc;
    // Kept before the first byte: after a crash it says what the bytes belong to.
    nj_text_copy(fetching->note.part_etag, sizeof fetching->note.part_etag,
                 is_strong(answer->etag) ? answer->etag : "");
    return nj_note_write(fetching->options, fetching->key, &fetching->note, err);
}

static int on_bytes(void *context, const void *bytes, size_t length, struct nj_error *err)
{
    struct fetching *fetching = context;
    for (size_t done = 0; done < length;) {
        const ssize_t count = pwrite(fetching->fd, (const char *)bytes + done, length - done,
                                     (off_t)fetching->offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return nj_error_errno(err, errno, "%s", fetching->part);
        done += (size_t)count;
        fetching->offset += count;
    }
    return 0;
}

// Conditions of the request: what we have whole, and what we have in part. Never both.
static void add_headers(const struct fetching *fetching, bool cached,
                        char texts[HEADERS_MAX][HEADER_SIZE], const char *list[HEADERS_MAX + 1])
{
    const struct nj_note *note = &fetching->note;
    size_t count = 0;
    if (fetching->offset > 0 && is_strong(note->part_etag)) {
        snprintf(texts[count++], HEADER_SIZE, "Range: bytes=%" PRId64 "-", fetching->offset);
        snprintf(texts[count++], HEADER_SIZE, "If-Range: %s", note->part_etag);
    } else if (cached && note->etag[0] != '\0') {
        snprintf(texts[count++], HEADER_SIZE, "If-None-Match: %s", note->etag);
    } else if (cached && note->last_modified[0] != '\0') {
        snprintf(texts[count++], HEADER_SIZE, "If-Modified-Since: %s", note->last_modified);
    }
    for (size_t i = 0; i < count; i++)
        list[i] = texts[i];
    list[count] = NULL;
}

static int fetch_once(struct fetching *fetching, bool cached, nj_us left_us, struct nj_error *err)
{
    const struct nj_archive_options *options = fetching->options;
    char texts[HEADERS_MAX][HEADER_SIZE];
    const char *headers[HEADERS_MAX + 1];
    struct nj_http_answer answer;
    const int rc = is_strong(fetching->note.part_etag) ? 0 : start_over(fetching, err);
    if (rc != 0)
        return rc;
    add_headers(fetching, cached, texts, headers);
    fetching->before = fetching->offset;
    const struct nj_http_fetch fetch = {
        .url = fetching->wish->url,
        .headers = headers,
        .rules = &options->rules,
        .connect_us = options->connect_us,
        .idle_us = options->idle_us,
        .total_us = left_us,
        .resolver = fetching->resolver,
        .max_redirects = REDIRECTS_MAX,
        .max_bytes = options->max_archive_bytes - fetching->offset,
        .cancel = fetching->wish->cancel,
        .sink = {on_begin, on_bytes, fetching},
    };
    return nj_http_fetch(&fetch, &answer, err);
}

// Tries again as long as something comes; what came is kept in any case.
static int fetch_whole(struct fetching *fetching, bool cached, struct nj_error *err)
{
    const nj_us deadline_us = nj_mono_us(nj_clock_real()) + fetching->options->total_us;
    int rc = NJ_E_AGAIN;
    for (int i = 0; i < TRIES_MAX; i++) {
        const nj_us left_us = deadline_us - nj_mono_us(nj_clock_real());
        if (left_us <= 0)
            return rc == NJ_E_AGAIN ? nj_error_set(err, NJ_E_TIMEOUT, "no time is left") : rc;
        rc = fetch_once(fetching, cached, left_us, err);
        const bool moved =
            fetching->offset > fetching->before && is_strong(fetching->note.part_etag);
        const bool again =
            rc == NJ_E_AGAIN || ((rc == NJ_E_UNAVAILABLE || rc == NJ_E_TIMEOUT) && moved);
        if (!again)
            return rc;
    }
    return rc == NJ_E_AGAIN ? nj_error_set(err, NJ_E_UNAVAILABLE, "the server changes its mind")
                            : rc;
}

// Two programs that share the cache must not write into one file.
static int open_part(struct fetching *fetching, struct nj_error *err)
{
    char name[NJ_SHA256_HEX_SIZE + 8];
    struct stat st;
    int rc = nj_dir_create(fetching->options->cache_folder, err);
    if (rc != 0)
        return rc;
    snprintf(name, sizeof name, "%s.part", fetching->key);
    if (nj_path_join(fetching->part, sizeof fetching->part, fetching->options->cache_folder,
                     name) != 0)
        return nj_error_set(err, NJ_E_TOO_BIG, "archives.cache_folder is too long a path");
    fetching->fd = open(fetching->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fetching->fd < 0 || fstat(fetching->fd, &st) != 0)
        return nj_error_errno(err, errno, "%s", fetching->part);
    if (flock(fetching->fd, LOCK_EX | LOCK_NB) != 0) {
        close(fetching->fd);
        fetching->fd = -1;
        return nj_error_set(err, NJ_E_UNAVAILABLE, "%s: another program is fetching it",
                            fetching->shown);
    }
    fetching->offset = st.st_size;
    return 0;
}

static int keep_note(struct fetching *fetching, const char *sha256, struct nj_error *err)
{
    struct nj_note *note = &fetching->note;
    if (fetching->status != 304) {
        nj_text_copy(note->etag, sizeof note->etag, fetching->etag);
        nj_text_copy(note->last_modified, sizeof note->last_modified, fetching->last_modified);
    }
    nj_text_copy(note->sha256, sizeof note->sha256, sha256);
    note->part_etag[0] = '\0';
    note->checked_us = nj_wall_us(fetching->clock);
    return nj_note_write(fetching->options, fetching->key, note, err);
}

// The part is whole: it becomes an archive, and is not needed any more, whatever it was.
static int take_whole(struct fetching *fetching, struct nj_archive **out, struct nj_error *err)
{
    const char *expected = fetching->wish->sha256;
    char sha256[NJ_SHA256_HEX_SIZE];
    int64_t bytes = 0;
    struct nj_archive *archive = NULL;
    int rc = nj_sha256_fd_hex(fetching->fd, sha256, &bytes, err);
    if (rc == 0 && expected[0] != '\0' && strcmp(expected, sha256) != 0)
        rc = nj_error_set(err, NJ_E_CONFLICT, "%s: its SHA-256 is %s, and %s was asked for",
                          fetching->shown, sha256, expected);
    if (rc == 0)
        rc = nj_archive_open_fd(fetching->options, fetching->fd, fetching->shown, &archive, err);
    unlink(fetching->part);
    if (rc != 0)
        return rc;
    nj_log_at(fetching->log, NJ_LOG_INFO, "Model archive fetched", NJ_TEXT("url", fetching->shown),
              NJ_INT("bytes", bytes), NJ_TEXT("sha256", sha256));
    // Without the note it is only fetched once more.
    if (keep_note(fetching, sha256, NULL) != 0)
        nj_log_at(fetching->log, NJ_LOG_WARNING, "A note on a model archive could not be kept",
                  NJ_TEXT("url", fetching->shown));
    nj_cache_sweep(fetching->options, fetching->log);
    *out = archive;
    return 0;
}

static bool is_fresh(const struct fetching *fetching)
{
    const nj_us age_us = nj_wall_us(fetching->clock) - fetching->note.checked_us;
    return age_us >= 0 && age_us < fetching->options->fresh_us;
}

// The answer is whole; `cached` (may be NULL) is what the address gave before.
static int take_answer(struct fetching *fetching, struct nj_archive *cached,
                       struct nj_archive **out, struct nj_error *err)
{
    if (fetching->status != 304)
        return take_whole(fetching, out, err);
    if (cached == NULL)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "the server says unchanged, unasked");
    keep_note(fetching, cached->sha256, NULL);
    unlink(fetching->part);
    *out = nj_archive_ref(cached);
    return 0;
}

// What came is of use only where the same may be asked for again.
static bool may_resume(const struct fetching *fetching, int rc)
{
    return (rc == NJ_E_UNAVAILABLE || rc == NJ_E_TIMEOUT || rc == NJ_E_CANCELLED) &&
           fetching->offset > 0 && is_strong(fetching->note.part_etag);
}

static int download(struct fetching *fetching, struct nj_archive *cached, struct nj_archive **out,
                    struct nj_error *err)
{
    int rc = open_part(fetching, err);
    if (rc == 0)
        rc = fetch_whole(fetching, cached != NULL, err);
    if (rc == 0)
        rc = take_answer(fetching, cached, out, err);
    if (fetching->fd < 0)
        return rc;
    if (rc != 0 && !may_resume(fetching, rc))
        unlink(fetching->part);
    close(fetching->fd);
    return rc;
}

// An address that does not answer is no reason to stop: what it gave before still works.
static int use_old(const struct fetching *fetching, int rc, struct nj_archive *cached,
                   struct nj_archive **out, const struct nj_error *why)
{
    if (cached == NULL || (rc != NJ_E_UNAVAILABLE && rc != NJ_E_TIMEOUT))
        return rc;
    nj_log_at(fetching->log, NJ_LOG_WARNING,
              "Model archive could not be asked for; the cached one is used",
              NJ_TEXT("url", fetching->shown), NJ_TEXT("reason", why->text),
              NJ_TEXT("sha256", cached->sha256));
    *out = nj_archive_ref(cached);
    return 0;
}

int nj_archive_fetch(const struct nj_archive_fetcher *fetcher, const struct nj_archive_wish *wish,
                     struct nj_archive **out, struct nj_error *err)
{
    const struct nj_archive_options *options = fetcher->options;
    struct fetching fetching = {.options = options,
                                .clock = fetcher->clock,
                                .log = fetcher->log,
                                .resolver = fetcher->resolver,
                                .wish = wish,
                                .fd = -1};
    struct nj_archive *cached = NULL;
    struct nj_error why = {0};
    nj_address_redact(wish->url, fetching.shown, sizeof fetching.shown);
    int rc = nj_sha256_hex(wish->url, strlen(wish->url), fetching.key);
    if (rc != 0)
        return nj_error_set(err, rc, "no SHA-256 could be made");
    nj_note_read(options, fetching.key, &fetching.note);
    if (fetching.note.sha256[0] != '\0' &&
        (wish->sha256[0] == '\0' || strcmp(wish->sha256, fetching.note.sha256) == 0))
        nj_archive_open_cached(options, fetching.note.sha256, &cached, NULL);
    if (cached != NULL && is_fresh(&fetching)) {
        *out = cached;
        return 0;
    }
    rc = download(&fetching, cached, out, &why);
    rc = rc != 0 ? use_old(&fetching, rc, cached, out, &why) : 0;
    if (rc != 0)
        nj_error_set(err, rc, "%s", why.text);
    nj_archive_unref(cached);
    return rc;
}
