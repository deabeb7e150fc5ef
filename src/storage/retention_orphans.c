// SPDX-License-Identifier: Apache-2.0
// Retention of files that no row names: pictures whose row was never stored, temporary files.
#include "storage/retention_priv.h"
#include "util/file.h"
#include "util/mem.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    ORPHAN_AGE_S = 3600,   // a younger picture may be waiting for its row
    ORPHANS_MAX = 10000,   // a run; the next one goes on
    ORPHANS_DOUBTED = 100, // more than this, and more than half of all: the wrong folder
    CHUNK = 256,           // pictures asked for together
};

// Pictures without a row, then those not yet asked for. Paths are owned.
struct scan {
    struct nj_store_op op;
    struct nj_store *store;
    char **paths;
    size_t count, capacity;
    size_t orphans;    // first ones of `paths`
    size_t unnamed;    // all without a row, also those that a later run takes
    size_t pictures;   // all that were looked at
    bool named[CHUNK]; // of those not yet asked for
    time_t before;     // files changed later are left alone
};

static void scan_finish(struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++)
        free(scan->paths[i]);
    free(scan->paths);
}

static int find_names(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct scan *scan = NJ_CONTAINER_OF(op, struct scan, op);
    int rc = 0;
    for (size_t i = scan->orphans; rc == 0 && i < scan->count; i++)
        rc = nj_file_is_named(db, scan->paths[i], &scan->named[i - scan->orphans], err);
    return rc;
}

// Asks for the chunk and keeps the orphans of it.
static int ask(struct scan *scan, struct nj_error *err)
{
    scan->op = (struct nj_store_op){.apply = find_names};
    int rc = nj_store_read_wait(scan->store, &scan->op, err);
    if (rc != 0)
        return rc;
    size_t first = scan->orphans, kept = first;
    for (size_t i = first; i < scan->count; i++) {
        scan->unnamed += !scan->named[i - first];
        if (scan->named[i - first] || kept >= ORPHANS_MAX)
            free(scan->paths[i]);
        else
            scan->paths[kept++] = scan->paths[i];
    }
    scan->pictures += scan->count - first;
    scan->count = scan->orphans = kept;
    return 0;
}

static int add_path(struct scan *scan, const char *path, struct nj_error *err)
{
    void *paths = scan->paths;
    int rc = nj_array_reserve(&paths, &scan->capacity, scan->count + 1, sizeof(*scan->paths));
    scan->paths = paths;
    char *copy = rc == 0 ? nj_strdup(path) : NULL;
    if (copy == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "retention: no memory for %zu pictures", scan->count);
    scan->paths[scan->count++] = copy;
    return scan->count - scan->orphans == CHUNK ? ask(scan, err) : 0;
}

static void remove_file(struct nj_retention_run *run, const char *path)
{
    struct stat state;
    if (lstat(path, &state) != 0 || (!run->task->dry_run && unlink(path) != 0))
        return;
    run->report.pictures++;
    run->report.bytes += (int64_t)state.st_size;
}

static int look_at(struct nj_retention_run *run, struct scan *scan, const FTSENT *entry,
                   struct nj_error *err)
{
    if (entry->fts_info != FTS_F || entry->fts_statp->st_mtime >= scan->before)
        return 0;
    if (nj_file_is_temporary(entry->fts_name)) {
        remove_file(run, entry->fts_path);
        return 0;
    }
    return add_path(scan, entry->fts_path, err);
}

static int walk(struct nj_retention_run *run, struct scan *scan, struct nj_error *err)
{
    char *roots[] = {run->folder, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    if (tree == NULL)
        return nj_error_errno(err, errno, "retention: cannot look through %s", run->folder);
    int rc = 0;
    FTSENT *entry;
    while (rc == 0 && (entry = fts_read(tree)) != NULL)
        rc = look_at(run, scan, entry, err);
    (void)fts_close(tree);
    return rc;
}

static int remove_orphans(struct nj_retention_run *run, struct scan *scan, struct nj_error *err)
{
    if (scan->unnamed > ORPHANS_DOUBTED && scan->unnamed * 2 > scan->pictures)
        return nj_error_set(err, NJ_E_CONFLICT,
                            "retention: %zu of %zu pictures in %s have no row; the folder seems to "
                            "belong to another database, nothing was deleted",
                            scan->unnamed, scan->pictures, run->folder);
    for (size_t i = 0; i < scan->orphans; i++)
        remove_file(run, scan->paths[i]);
    return 0;
}

int nj_retention_delete_orphans(struct nj_retention_run *run, struct nj_error *err)
{
    if (run->folder == NULL)
        return 0;
    struct scan *scan = calloc(1, sizeof(*scan));
    if (scan == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "retention: no memory");
    scan->store = run->task->store;
    scan->before = time(NULL) - ORPHAN_AGE_S;
    int rc = walk(run, scan, err);
    if (rc == 0)
        rc = ask(scan, err);
    if (rc == 0)
        rc = remove_orphans(run, scan, err);
    scan_finish(scan);
    free(scan);
    return rc;
}
