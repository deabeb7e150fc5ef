// SPDX-License-Identifier: Apache-2.0
// The cache folder: unpacked archives named by their content, beside folders that are being
// filled. Who uses a folder holds a shared flock on it, who fills or removes one an exclusive one.
#include "archives/archive_priv.h"

#include "util/digest.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RANDOM_BYTES = 8, BEGIN_TRIES = 3, BLOCK_BYTES = 4096 /* the least that anything takes */ };

static const char temporary_mark[] = ".tmp-";

static bool is_same(int fd, const char *path)
{
    struct stat held, there;
    return fstat(fd, &held) == 0 && lstat(path, &there) == 0 && held.st_ino == there.st_ino &&
           held.st_dev == there.st_dev;
}

// A descriptor of the folder or file with the lock; -1 when somebody else has it, or the name means
// something else meanwhile.
static int lock_path(const char *path, int operation)
{
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (flock(fd, operation | LOCK_NB) == 0 && is_same(fd, path))
        return fd;
    close(fd);
    return -1;
}

int nj_cache_hold(const struct nj_archive_options *options, const char *name,
                  struct nj_cache_hold *out, struct nj_error *err)
{
    struct nj_cache_hold hold;
    if (nj_path_join(hold.path, sizeof hold.path, options->cache_folder, name) != 0)
        return nj_error_set(err, NJ_E_TOO_BIG, "archives.cache_folder is too long a path");
    hold.fd = lock_path(hold.path, LOCK_SH);
    if (hold.fd < 0)
        return nj_error_set(err, NJ_E_NOT_FOUND, "'%s' is not in the cache", name);
    futimens(hold.fd, NULL); // the time of last use
    *out = hold;
    return 0;
}

void nj_cache_let_go(struct nj_cache_hold *hold)
{
    if (hold->fd < 0)
        return;
    futimens(hold->fd, NULL);
    close(hold->fd);
    hold->fd = -1;
}

static int begin_once(const struct nj_archive_options *options, const char *name,
                      struct nj_cache_hold *out, struct nj_error *err)
{
    char full[NJ_ARCHIVE_NAME_MAX], random[2 * RANDOM_BYTES + 1];
    if (nj_random_hex(random, RANDOM_BYTES) != 0)
        return nj_error_set(err, NJ_E_IO, "the system gives no random numbers");
    snprintf(full, sizeof full, "%s%s%s", name, temporary_mark, random);
    if (nj_path_join(out->path, sizeof out->path, options->cache_folder, full) != 0)
        return nj_error_set(err, NJ_E_TOO_BIG, "archives.cache_folder is too long a path");
    if (mkdir(out->path, 0700) != 0)
        return nj_error_errno(err, errno, "archives.cache_folder: '%s'", options->cache_folder);
    out->fd = lock_path(out->path, LOCK_EX);
    // A sweep may have taken it for a left-over in between.
    return out->fd >= 0 ? 0 : nj_error_set(err, NJ_E_AGAIN, "the cache was swept meanwhile");
}

int nj_cache_begin(const struct nj_archive_options *options, const char *name,
                   struct nj_cache_hold *out, struct nj_error *err)
{
    struct nj_cache_hold hold = {.fd = -1};
    struct nj_error why = {0};
    int rc = nj_dir_create(options->cache_folder, &why);
    for (int i = 0; i < BEGIN_TRIES && (rc == 0 || rc == NJ_E_AGAIN) && hold.fd < 0; i++)
        rc = begin_once(options, name, &hold, &why);
    if (rc != 0)
        return nj_error_set(err, rc, "%s", why.text);
    *out = hold;
    return 0;
}

void nj_cache_abandon(struct nj_cache_hold *hold)
{
    if (hold->fd < 0)
        return;
    nj_tree_remove(hold->path);
    close(hold->fd);
    hold->fd = -1;
}

int nj_cache_commit(const struct nj_archive_options *options, struct nj_cache_hold *hold,
                    const char *name, struct nj_error *err)
{
    char path[NJ_ARCHIVE_PATH_MAX];
    int rc = nj_path_join(path, sizeof path, options->cache_folder, name);
    if (rc == 0 && rename(hold->path, path) != 0 && errno != ENOTEMPTY && errno != EEXIST)
        rc = nj_error_errno(err, errno, "'%s' cannot be put in place", path);
    if (rc == 0 && is_same(hold->fd, path)) {
        const int folder = open(options->cache_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0) {
            fsync(folder); // without it a power cut may lose the name, which costs time only
            close(folder);
        }
        close(hold->fd);
        hold->fd = -1;
        return 0;
    }
    nj_cache_abandon(hold);
    return rc;
}

// What lies in the cache folder, for sweeping.
struct item {
    char path[NJ_ARCHIVE_PATH_MAX];
    struct timespec used;
    int64_t bytes;
};

struct items {
    struct item *list;
    size_t count, capacity;
    int64_t bytes;
};

static int64_t tree_bytes(int parent, const char *name, struct stat *st)
{
    struct stat below;
    if (fstatat(parent, name, st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (!S_ISDIR(st->st_mode))
        return st->st_size > BLOCK_BYTES ? (int64_t)st->st_size : BLOCK_BYTES;
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    int64_t bytes = BLOCK_BYTES;
    for (const struct dirent *item; folder != NULL && (item = readdir(folder)) != NULL;) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
            bytes += tree_bytes(dirfd(folder), item->d_name, &below);
    }
    if (folder != NULL)
        closedir(folder);
    else if (fd >= 0)
        close(fd);
    return bytes;
}

// Removes it when nobody holds it: first out of sight under another name, then piece by piece.
static bool remove_unused(const struct nj_archive_options *options, const char *path)
{
    struct nj_cache_hold dead = {.fd = -1};
    char random[2 * RANDOM_BYTES + 1], name[64];
    const int fd = lock_path(path, LOCK_EX);
    if (fd < 0)
        return false;
    if (nj_random_hex(random, RANDOM_BYTES) == 0) {
        snprintf(name, sizeof name, "old%s%s", temporary_mark, random);
        if (nj_path_join(dead.path, sizeof dead.path, options->cache_folder, name) == 0 &&
            rename(path, dead.path) == 0)
            nj_tree_remove(dead.path);
    }
    close(fd);
    return true;
}

void nj_cache_discard(const struct nj_archive_options *options, const char *name)
{
    char path[NJ_ARCHIVE_PATH_MAX];
    if (nj_path_join(path, sizeof path, options->cache_folder, name) == 0)
        remove_unused(options, path);
}

// Names that this facility gives: content, downloads, notes on addresses. Whatever else lies there
// is not ours.
static bool is_ours(const char *name)
{
    const size_t digits = strspn(name, "0123456789abcdef");
    return digits == NJ_SHA256_HEX_SIZE - 1 &&
           (name[digits] == '\0' || strcmp(name + digits, ".part") == 0 ||
            strcmp(name + digits, ".json") == 0);
}

static int add_item(struct items *items, int folder, const struct nj_archive_options *options,
                    const char *name)
{
    struct stat st;
    if (nj_array_reserve((void **)&items->list, &items->capacity, items->count + 1,
                         sizeof *items->list) != 0)
        return NJ_E_NOMEM;
    struct item *item = &items->list[items->count];
    if (nj_path_join(item->path, sizeof item->path, options->cache_folder, name) != 0)
        return NJ_E_TOO_BIG;
    memset(&st, 0, sizeof st);
    item->bytes = tree_bytes(folder, name, &st);
    item->used = st.st_mtim;
    items->bytes += item->bytes;
    items->count++;
    return 0;
}

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct item *)a)->used;
    const struct timespec *y = &((const struct item *)b)->used;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

// Left-overs go at once; what may be kept is listed.
static void look_through(const struct nj_archive_options *options, DIR *folder, struct items *items)
{
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[NJ_ARCHIVE_PATH_MAX];
        if (strstr(entry->d_name, temporary_mark) != NULL) {
            if (nj_path_join(path, sizeof path, options->cache_folder, entry->d_name) == 0)
                remove_unused(options, path);
        } else if (is_ours(entry->d_name) &&
                   add_item(items, dirfd(folder), options, entry->d_name) != 0) {
            return; // no memory: the rest is for the next sweep
        }
    }
}

void nj_cache_sweep(const struct nj_archive_options *options, struct nj_log *log)
{
    struct items items = {0};
    DIR *folder = opendir(options->cache_folder);
    int64_t removed = 0, count = 0;
    if (folder == NULL)
        return;
    look_through(options, folder, &items);
    closedir(folder);
    if (items.count > 0)
        qsort(items.list, items.count, sizeof *items.list, by_use);
    for (size_t i = 0; i < items.count && items.bytes - removed > options->cache_bytes; i++) {
        if (!remove_unused(options, items.list[i].path))
            continue;
        removed += items.list[i].bytes;
        count++;
    }
    if (count > 0)
        nj_log_at(log, NJ_LOG_INFO, "Unused model archives were removed", NJ_INT("count", count),
                  NJ_INT("bytes", removed));
    free(items.list);
}
