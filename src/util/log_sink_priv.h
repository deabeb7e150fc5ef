// SPDX-License-Identifier: Apache-2.0
// Where finished log lines go: a rotating file or standard error. The caller holds log.c's lock.
#ifndef NJ_UTIL_LOG_SINK_PRIV_H
#define NJ_UTIL_LOG_SINK_PRIV_H

#include "util/clock.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct nj_log_sink {
    const struct nj_clock *clock;
    char *path; // NULL: standard error
    int64_t max_bytes;
    int backup_count;
    int fd;       // -1: the file is lost
    bool is_file; // no pipe or device, which are never renamed
    int64_t written;
    bool torn;          // the file ends within a line
    bool reported;      // standard error knows that the file is lost
    nj_us reopen_at_us; // monotonic; not tried before
    dev_t device;       // of the open file
    ino_t inode;
    nj_us look_at_us; // monotonic; when the path is next compared with the open file
};

// Opens path when it is not NULL.
int nj_log_sink_init(struct nj_log_sink *sink, const char *path, const struct nj_clock *clock,
                     struct nj_error *err);
void nj_log_sink_finish(struct nj_log_sink *sink);

// `line` ends with a line feed. What cannot go to the file goes to standard error.
void nj_log_sink_write(struct nj_log_sink *sink, const char *line, size_t length);

#endif
