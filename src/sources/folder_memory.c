// SPDX-License-Identifier: Apache-2.0
// What the store remembers for the folder source: loading it, and forgetting what is gone.
#include "sources/folder_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum {
    GONE_PER_ROUND = 4096, // rows forgotten in one operation
    EXPIRE_PER_ROUND = 1000,
    SEEN_LIMIT_LEAST = 65536, // fingerprints below this (1 MiB) are not worth a reload
};

static const nj_us tidy_interval_us = 3600 * (nj_us)NJ_US_PER_S;

struct load_op {
    struct nj_store_op op;
    struct nj_folder_source *source;
    struct nj_camera_row *cameras;
    size_t camera_count;
};

static int load_file(void *arg, const char *path, int64_t size, int64_t mtime_ns)
{
    struct nj_folder_source *source = arg;
    return nj_seen_set_add(&source->seen, nj_seen_set_key(&source->seen, path, size, mtime_ns));
}

// The folder's thread waits meanwhile: what is its own may be touched.
static int apply_load(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct load_op *self = NJ_CONTAINER_OF(op, struct load_op, op);
    free(self->cameras); // of a first run
    self->cameras = NULL;
    int rc = nj_seen_files_each(db, self->source->root, load_file, self->source, err);
    return rc == 0 ? nj_cameras_list(db, &self->cameras, &self->camera_count, err) : rc;
}

int nj_folder_load(struct nj_folder_source *source, struct nj_error *err)
{
    struct load_op load = {.op = {.apply = apply_load}, .source = source};
    nj_seen_set_clear(&source->seen);
    int rc = nj_store_read_wait(source->config.store, &load.op, err);
    for (size_t i = 0; rc == 0 && i < load.camera_count; i++) {
        if (strcmp(load.cameras[i].kind, "folder") == 0)
            rc = nj_strmap_set(source->cameras, load.cameras[i].id, source);
    }
    free(load.cameras);
    source->seen_limit = 2 * source->seen.count;
    if (source->seen_limit < SEEN_LIMIT_LEAST)
        source->seen_limit = SEEN_LIMIT_LEAST;
    return rc;
}

struct tidy_op {
    struct nj_store_op op;
    struct nj_folder_source *source;
    char *gone[GONE_PER_ROUND];
    size_t count;
    int64_t expired;
};

enum { ROUND_IS_FULL = 1 };

// Only a clear "there is no such file" counts: what cannot be looked at now is not gone.
static int note_gone(void *arg, const char *path, int64_t size, int64_t mtime_ns)
{
    struct tidy_op *tidy = arg;
    struct stat info;
    (void)size;
    (void)mtime_ns;
    const char *relative = path + tidy->source->root_length + 1;
    if (fstatat(tidy->source->tree.root_fd, relative, &info, AT_SYMLINK_NOFOLLOW) == 0 ||
        (errno != ENOENT && errno != ENOTDIR))
        return 0;
    char *copy = strdup(path);
    if (!copy)
        return NJ_E_NOMEM;
    tidy->gone[tidy->count++] = copy;
    return tidy->count == GONE_PER_ROUND ? ROUND_IS_FULL : 0;
}

static void free_gone(struct tidy_op *tidy)
{
    while (tidy->count > 0)
        free(tidy->gone[--tidy->count]);
}

static int apply_find_gone(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct tidy_op *tidy = NJ_CONTAINER_OF(op, struct tidy_op, op);
    free_gone(tidy);
    int rc = nj_seen_files_each(db, tidy->source->root, note_gone, tidy, err);
    return rc == ROUND_IS_FULL ? 0 : rc;
}

static int apply_forget(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct tidy_op *tidy = NJ_CONTAINER_OF(op, struct tidy_op, op);
    int rc = nj_dedupe_expire(db, EXPIRE_PER_ROUND, &tidy->expired, err);
    for (size_t i = 0; rc == 0 && i < tidy->count; i++)
        rc = nj_seen_files_delete(db, tidy->gone[i], err);
    return rc;
}

// Files that went before they were settled stay in the map; those that are there enter it again.
static void forget_unsettled(struct nj_folder_source *source)
{
    struct nj_strmap *fresh = nj_strmap_create(free);
    if (!fresh)
        return;
    nj_strmap_destroy(source->unsettled);
    source->unsettled = fresh;
}

void nj_folder_tidy(struct nj_folder_source *source)
{
    struct tidy_op tidy = {.op = {.apply = apply_find_gone}, .source = source};
    bool more = false;
    source->tidy_at_us = nj_mono_us(source->clock) + tidy_interval_us;
    forget_unsettled(source);
    if (source->tree.root_fd < 0 || !nj_folder_tree_alive(source))
        return; // without the root every file looks gone
    if (nj_store_read_wait(source->config.store, &tidy.op, NULL) == 0) {
        size_t found = tidy.count;
        tidy.op = (struct nj_store_op){.apply = apply_forget};
        more = nj_store_write_wait(source->config.store, &tidy.op, NULL) == 0 &&
               (found == GONE_PER_ROUND || tidy.expired == EXPIRE_PER_ROUND);
    }
    free_gone(&tidy);
    if (more)
        source->tidy_at_us = 0; // goes on with the next turn
    else if (source->seen.count > source->seen_limit)
        source->loaded = false; // read anew: what is gone leaves the memory too
}
