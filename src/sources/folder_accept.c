// SPDX-License-Identifier: Apache-2.0
// From a name to a submitted operation: opening, what may not be read yet, and what failed.
#include "sources/beneath_priv.h"
#include "sources/folder_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRANSIENT_WAIT_US = NJ_US_PER_S };

enum readiness { READY, BEING_WRITTEN, UNKNOWN };

// The kernel grants a read lease only while nobody has the file open for writing. SIGURG, because
// its default is to be ignored: somebody may open the file in the moment in which we hold it.
static enum readiness ask_lease(int fd)
{
    if (fcntl(fd, F_SETSIG, SIGURG) != 0)
        return UNKNOWN;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        (void)fcntl(fd, F_SETLEASE, F_UNLCK);
        return READY;
    }
    return errno == EAGAIN ? BEING_WRITTEN : UNKNOWN;
}

static bool is_ready(struct nj_folder_source *source, const struct nj_folder_file *file,
                     const struct nj_folder_open_file *open_file)
{
    if (!file->unsure)
        return true;
    const struct nj_folder_dir *dir = nj_folder_tree_parent(source, file->path);
    if (!dir || dir->polled)
        return nj_folder_settled(source, file->path, &open_file->info);
    switch (ask_lease(open_file->fd)) {
    case READY:
        return true;
    case BEING_WRITTEN:
        return false; // its closing is told
    default:
        return nj_folder_settled(source, file->path, &open_file->info);
    }
}

static bool know_file(struct nj_folder_source *source, struct nj_folder_verdict *verdict,
                      const char *path, const struct stat *info)
{
    verdict->size = info->st_size;
    verdict->mtime_ns = nj_folder_mtime_ns(info);
    if (!nj_folder_absolute(source, path, verdict->item.file_path))
        return true; // it cannot be kept; a scan passes over it too
    verdict->key =
        nj_seen_set_key(&source->seen, verdict->item.file_path, verdict->size, verdict->mtime_ns);
    return nj_seen_set_has(&source->seen, verdict->key);
}

enum outcome { SUBMIT, FORGET, LATER };

static enum outcome could_not_open(struct nj_folder_source *source,
                                   const struct nj_folder_file *file,
                                   struct nj_folder_verdict *verdict, int problem)
{
    struct stat info;
    if (fstatat(source->tree.root_fd, file->path, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        problem == ENOENT || problem == ENOTDIR) {
        if (source->metrics.vanished)
            nj_metric_add(source->metrics.vanished, 1);
        return FORGET;
    }
    if (know_file(source, verdict, file->path, &info))
        return FORGET;
    if (problem == ELOOP) {
        nj_folder_refuse(verdict, "symlink", "symbolic links are not followed");
        return SUBMIT;
    }
    if (problem == EACCES || problem == EPERM || problem == ENXIO) {
        verdict->keep = false; // permissions change without a new time
        nj_folder_refuse(verdict, "unreadable", strerror(problem)); // NOLINT(concurrency-mt-unsafe)
        return SUBMIT;
    }
    nj_folder_hold(source, TRANSIENT_WAIT_US,
                   "files cannot be opened now: out of descriptors, "
                   "memory, or the disk fails");
    return LATER;
}

static bool same_content(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static enum outcome judge(struct nj_folder_source *source, const struct nj_folder_file *file,
                          const struct nj_folder_open_file *open_file,
                          struct nj_folder_verdict *verdict)
{
    struct nj_error err = {0};
    struct stat after;
    if (know_file(source, verdict, file->path, &open_file->info))
        return FORGET;
    if (!S_ISREG(open_file->info.st_mode)) {
        nj_folder_refuse(verdict, "not_a_file", "neither a regular file nor a folder");
        return SUBMIT;
    }
    if (!is_ready(source, file, open_file))
        return FORGET;
    if (nj_folder_judge(source, open_file, verdict, &err) != 0) {
        nj_folder_hold(source, TRANSIENT_WAIT_US, err.text);
        return LATER;
    }
    if (fstat(open_file->fd, &after) == 0 && same_content(&after, &open_file->info))
        return SUBMIT;
    // Changed while it was read: its closing is told, and a scan looks after it besides.
    struct nj_folder_dir *dir = nj_folder_tree_parent(source, file->path);
    if (dir)
        dir->recheck = true;
    return FORGET;
}

static enum outcome look(struct nj_folder_source *source, const struct nj_folder_file *file,
                         struct nj_folder_verdict *verdict)
{
    struct nj_folder_open_file open_file = {.path = file->path};
    open_file.fd =
        nj_beneath_open(source->tree.root_fd, file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (open_file.fd < 0)
        return could_not_open(source, file, verdict, errno);
    enum outcome outcome = FORGET;
    if (fstat(open_file.fd, &open_file.info) == 0)
        outcome = judge(source, file, &open_file, verdict);
    close(open_file.fd);
    return outcome;
}

bool nj_folder_accept(struct nj_folder_source *source, struct nj_folder_file *file)
{
    struct nj_folder_op *op = source->free_ops;
    op->verdict = (struct nj_folder_verdict){.keep = true};
    op->verdict.item.pipeline_start_us = file->noticed_us;
    enum outcome outcome = look(source, file, &op->verdict);
    if (outcome == SUBMIT) {
        source->free_ops = op->next;
        op->file = file;
        if (nj_folder_op_submit(source, op) == 0)
            return true;
        op->file = NULL;
        nj_folder_op_release(source, op);
        nj_folder_hold(source, TRANSIENT_WAIT_US, "the store takes no more operations now");
        outcome = LATER;
    }
    if (outcome == FORGET) {
        free(file);
        return true;
    }
    nj_folder_put_back(source, file, false);
    return false;
}
