// SPDX-License-Identifier: Apache-2.0
// Retention of files: what was noted for deletion.
#include "storage/retention_priv.h"
#include "util/file.h"
#include "util/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// A page of notes and what is known of each.
struct page_op {
    struct nj_store_op op;
    char after[NJ_STORE_PATH_SIZE];
    struct nj_file_note *notes;
    size_t count;
    bool named[NJ_FILE_NOTES_PAGE];   // a row names it again
    bool settled[NJ_FILE_NOTES_PAGE]; // the note can go
};

static int read_page(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct page_op *page = NJ_CONTAINER_OF(op, struct page_op, op);
    int rc = nj_file_notes_list(db, page->after, &page->notes, &page->count, err);
    for (size_t i = 0; rc == 0 && i < page->count; i++)
        rc = nj_file_is_named(db, page->notes[i].path, &page->named[i], err);
    if (rc != 0) {
        free(page->notes);
        page->notes = NULL;
    }
    return rc;
}

static int delete_notes(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct page_op *page = NJ_CONTAINER_OF(op, struct page_op, op);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < page->count; i++)
        if (page->settled[i])
            rc = nj_file_notes_delete(db, page->notes[i].path, err);
    return rc;
}

static nj_us time_us(const struct timespec *time)
{
    return (nj_us)time->tv_sec * NJ_US_PER_S + time->tv_nsec / 1000;
}

// Whether the file is the one that was noted: ours below our folder, or the upload as it was then.
static bool is_noted_file(const struct nj_retention_run *run, const struct nj_file_note *note,
                          const struct stat *state)
{
    if (!S_ISREG(state->st_mode))
        return false;
    if (note->is_upload)
        return run->task->options->delete_images &&
               time_us(&state->st_ctim) <= note->unchanged_since_us &&
               time_us(&state->st_mtim) <= note->unchanged_since_us;
    return run->folder != NULL && nj_path_is_below(note->path, run->folder);
}

// The day's folder, when this was its last picture.
static void remove_empty_folder(const struct nj_retention_run *run, const char *path)
{
    char folder[NJ_STORE_PATH_SIZE];
    const char *slash = strrchr(path, '/');
    size_t length = (size_t)(slash - path);
    if (length <= strlen(run->folder))
        return;
    memcpy(folder, path, length);
    folder[length] = '\0';
    (void)rmdir(folder); // refuses a folder with files in it
}

// True when the note has done its work.
static bool settle(struct nj_retention_run *run, const struct nj_file_note *note)
{
    struct stat state;
    if (lstat(note->path, &state) != 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
    if (!is_noted_file(run, note, &state))
        return true; // another file by now: not ours to delete
    if (unlink(note->path) != 0)
        return errno == ENOENT;
    run->report.bytes += (int64_t)state.st_size;
    if (note->is_upload) {
        run->report.images++;
    } else {
        run->report.pictures++;
        remove_empty_folder(run, note->path);
    }
    return true;
}

static int handle_page(struct nj_retention_run *run, struct page_op *page, struct nj_error *err)
{
    for (size_t i = 0; i < page->count; i++)
        page->settled[i] = page->named[i] || settle(run, &page->notes[i]);
    page->op = (struct nj_store_op){.apply = delete_notes};
    return nj_store_write_wait(run->task->store, &page->op, err);
}

int nj_retention_delete_files(struct nj_retention_run *run, struct nj_error *err)
{
    struct page_op *page = calloc(1, sizeof(*page));
    if (page == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "retention: no memory");
    int rc = 0;
    do {
        page->op = (struct nj_store_op){.apply = read_page};
        rc = nj_retention_check(run, err);
        if (rc == 0)
            rc = nj_store_read_wait(run->task->store, &page->op, err);
        if (rc != 0)
            break;
        if (page->count > 0) {
            rc = handle_page(run, page, err);
            memcpy(page->after, page->notes[page->count - 1].path, NJ_STORE_PATH_SIZE);
        }
        free(page->notes);
        page->notes = NULL;
    } while (rc == 0 && page->count == NJ_FILE_NOTES_PAGE);
    free(page);
    return rc;
}
