// SPDX-License-Identifier: Apache-2.0
// Files: whole reads, atomic replacement, directories, room on a disk.
#ifndef NJ_UTIL_FILE_H
#define NJ_UTIL_FILE_H

#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The whole file, NUL behind it, owned by the caller (free()). NJ_E_TOO_BIG beyond `limit` bytes.
int nj_file_read(const char *path, size_t limit, char **out, size_t *out_length,
                 struct nj_error *err);

// Writes beside, fsyncs, renames over `path`, fsyncs the folder: after a crash either the old or
// the new content is there, and no temporary file that nj_file_is_temporary does not know.
int nj_file_write_atomic(const char *path, const void *bytes, size_t length, struct nj_error *err);

// Whether a file may be renamed over `path`: there is a file, or nothing. A device, pipe or link
// that somebody named as output would be lost: NJ_E_INVALID.
int nj_file_may_replace(const char *path, struct nj_error *err);

// True for the names nj_file_write_atomic gives to its temporary files.
int nj_file_is_temporary(const char *name);

// Creates the folder and its parents (mode 0750); an existing folder is fine.
int nj_dir_create(const char *path, struct nj_error *err);

// Bytes that may still be written at `path`, and the size of its file system.
int nj_disk_room(const char *path, int64_t *out_free, int64_t *out_total, struct nj_error *err);

// "a/b" from "a" and "b" with exactly one slash; NJ_E_TOO_BIG when it does not fit.
int nj_path_join(char *out, size_t size, const char *folder, const char *name);

// True when `path` begins with `folder` and a slash and has no part "..": judged by the text alone,
// no link is looked at.
bool nj_path_is_below(const char *path, const char *folder);

#endif
