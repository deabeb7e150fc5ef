// SPDX-License-Identifier: Apache-2.0
// The rotating file behind a log, and standard error when the file is lost.
#include "util/log_sink_priv.h"

#include "util/file.h"
#include "util/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NJ_LOG_FILE_MODE = 0640,
    NJ_LOG_REOPEN_S = 10, // between tries to get a lost file back
    NJ_LOG_LOOK_S = 10,   // between looks whether somebody moved or deleted the file
};

static int open_file(struct nj_log_sink *sink)
{
    struct stat status;
    // Non-blocking, so that a path that is a pipe without reader never stops the writer.
    int fd = open(sink->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                  NJ_LOG_FILE_MODE);
    if (fd < 0)
        return errno;
    bool known = fstat(fd, &status) == 0;
    sink->is_file = known && S_ISREG(status.st_mode);
    sink->fd = fd;
    sink->written = known ? status.st_size : 0;
    sink->device = known ? status.st_dev : 0;
    sink->inode = known ? status.st_ino : 0;
    sink->look_at_us = nj_mono_us(sink->clock) + (nj_us)NJ_LOG_LOOK_S * NJ_US_PER_S;
    return 0;
}

static void close_file(struct nj_log_sink *sink)
{
    if (sink->fd >= 0)
        close(sink->fd);
    sink->fd = -1;
    sink->torn = false;
}

// Rotation renames: behind a link (/dev/stdout is one) it is the file that it leads to. Without
// memory the link stays the path.
static void follow_link(struct nj_log_sink *sink)
{
    char *real = sink->is_file ? realpath(sink->path, NULL) : NULL;
    if (real) {
        free(sink->path);
        sink->path = real;
    }
}

int nj_log_sink_init(struct nj_log_sink *sink, const char *path, const struct nj_clock *clock,
                     struct nj_error *err)
{
    *sink = (struct nj_log_sink){.clock = clock, .fd = -1};
    if (!path || !*path)
        return 0;
    sink->path = nj_strdup(path);
    if (!sink->path)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a log");
    int failure = open_file(sink);
    if (!failure) {
        follow_link(sink);
        return 0;
    }
    free(sink->path);
    sink->path = NULL;
    return nj_error_errno(err, failure, "cannot open log file %s", path);
}

void nj_log_sink_finish(struct nj_log_sink *sink)
{
    close_file(sink);
    free(sink->path);
    sink->path = NULL;
}

// Writes what it can; the number of bytes, errno set when that is not all.
static size_t write_some(int fd, const char *bytes, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t put = write(fd, bytes + done, length - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            break;
        done += (size_t)put;
    }
    return done;
}

static void report_lost(struct nj_log_sink *sink, int failure)
{
    if (sink->reported)
        return;
    sink->reported = true;
    struct nj_error err;
    nj_error_errno(&err, failure, "log file %s is lost, lines go to standard error", sink->path);
    write_some(STDERR_FILENO, err.text, strlen(err.text));
    write_some(STDERR_FILENO, "\n", 1);
}

// path.N-1 becomes path.N, and so on down to path, which begins anew. Without backups, or when
// renaming fails, the file is emptied: its bound holds before its history does.
static void rotate(struct nj_log_sink *sink)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    bool moved = false;
    for (int i = sink->backup_count; i > 0; i--) {
        int from_length = i > 1 ? snprintf(from, sizeof(from), "%s.%d", sink->path, i - 1)
                                : snprintf(from, sizeof(from), "%s", sink->path);
        int to_length = snprintf(to, sizeof(to), "%s.%d", sink->path, i);
        if (from_length >= PATH_MAX || to_length >= PATH_MAX)
            break;
        moved = rename(from, to) == 0;
    }
    if (!moved && ftruncate(sink->fd, 0) == 0) {
        sink->written = 0;
        sink->torn = false;
        return;
    }
    close_file(sink);
    int failure = open_file(sink);
    if (failure)
        report_lost(sink, failure);
}

// A file that was deleted, or moved away by another program, would take lines that nobody finds.
static void look_for_file(struct nj_log_sink *sink)
{
    struct stat status;
    nj_us now = nj_mono_us(sink->clock);
    if (sink->fd < 0 || now < sink->look_at_us)
        return;
    sink->look_at_us = now + (nj_us)NJ_LOG_LOOK_S * NJ_US_PER_S;
    if (stat(sink->path, &status) == 0 && status.st_dev == sink->device &&
        status.st_ino == sink->inode)
        return;
    close_file(sink);
    sink->reopen_at_us = now;
}

// Its folder was there when the log began: whoever deleted it since did not mean the log to end.
static int reopen(struct nj_log_sink *sink)
{
    char folder[PATH_MAX];
    int failure = open_file(sink);
    const char *slash = strrchr(sink->path, '/');
    const size_t length = slash != NULL ? (size_t)(slash - sink->path) : 0;
    if (failure != ENOENT || length == 0 || length >= sizeof folder)
        return failure;
    memcpy(folder, sink->path, length);
    folder[length] = '\0';
    return nj_dir_create(folder, NULL) == 0 ? open_file(sink) : failure;
}

static bool file_ready(struct nj_log_sink *sink, size_t length)
{
    look_for_file(sink);
    if (sink->fd < 0) {
        nj_us now = nj_mono_us(sink->clock);
        if (now < sink->reopen_at_us)
            return false;
        sink->reopen_at_us = now + (nj_us)NJ_LOG_REOPEN_S * NJ_US_PER_S;
        int failure = reopen(sink);
        if (failure)
            report_lost(sink, failure);
    }
    if (sink->fd >= 0 && sink->is_file && sink->max_bytes > 0 && sink->written > 0 &&
        sink->written + (int64_t)length > sink->max_bytes)
        rotate(sink);
    return sink->fd >= 0;
}

static bool write_file(struct nj_log_sink *sink, const char *line, size_t length)
{
    if (!file_ready(sink, length))
        return false;
    // Half a line that a full disk left is closed first, so that it spoils no other.
    if (sink->torn && write_some(sink->fd, "\n", 1) == 1) {
        sink->torn = false;
        sink->written++;
    }
    size_t done = sink->torn ? 0 : write_some(sink->fd, line, length);
    sink->written += (int64_t)done;
    if (done == length) {
        sink->reported = false;
        return true;
    }
    sink->torn = sink->torn || done > 0;
    report_lost(sink, errno);
    return false;
}

void nj_log_sink_write(struct nj_log_sink *sink, const char *line, size_t length)
{
    if (!sink->path || !write_file(sink, line, length))
        write_some(STDERR_FILENO, line, length);
}
