// SPDX-License-Identifier: Apache-2.0
// What the files of the archive facility share: reading ZIPs of strangers, and the cache folder.
#ifndef NJ_ARCHIVES_ARCHIVE_PRIV_H
#define NJ_ARCHIVES_ARCHIVE_PRIV_H

#include "archives/archive.h"

#include <stddef.h>
#include <stdint.h>

enum {
    NJ_ARCHIVE_PATH_MAX = 3072, // of the cache folder and what lies in it
    NJ_ARCHIVE_NAME_MAX = 512,  // of an entry
    NJ_ARCHIVE_PART_MAX = 255   // of a file or folder name
};

// A ZIP whose entries were all checked before any is read: names, kinds, sizes, counts.
struct nj_zip;

// `fd` stays the caller's. NJ_E_CORRUPT, NJ_E_DENIED, NJ_E_TOO_BIG, NJ_E_INVALID (no
// pipeline.json, a name that stands twice), NJ_E_UNSUPPORTED (compression, encryption), NJ_E_NOMEM.
int nj_zip_open_file(const struct nj_archive_options *options, int fd, struct nj_zip **out,
                     struct nj_error *err);
int nj_zip_open_memory(const struct nj_archive_options *options, const void *bytes, size_t length,
                       struct nj_zip **out, struct nj_error *err);
void nj_zip_close(struct nj_zip *zip);

size_t nj_zip_count(const struct nj_zip *zip);                   // regular files
const char *nj_zip_name(const struct nj_zip *zip, size_t index); // relative to pipeline.json
int64_t nj_zip_bytes(const struct nj_zip *zip);                  // of all files, as declared

struct nj_zip_sink {
    int (*take)(void *context, const void *bytes, size_t length, struct nj_error *err);
    void *context;
};
// Hands on the bytes of a file; more or less than declared is NJ_E_CORRUPT, as is a wrong checksum.
int nj_zip_read(struct nj_zip *zip, size_t index, const struct nj_zip_sink *sink,
                struct nj_error *err);
// All files into an empty folder: 0600, folders 0700, flushed to disk.
int nj_zip_unpack(struct nj_zip *zip, const char *folder, struct nj_error *err);

// Why a name may not be unpacked; NULL when it may.
const char *nj_zip_wrong_name(const char *name);

// The most entries that any directory of the file claims, read before the library believes it.
struct nj_zip_bytes {
    int fd;             // or -1
    const uint8_t *all; // of memory
    int64_t length;
};
struct nj_zip_claim {
    uint64_t entries;
    int64_t directory; // offset of the last end's directory, unless that is a 64-bit one
};
int nj_zip_claimed_entries(const struct nj_zip_bytes *bytes, struct nj_zip_claim *out,
                           struct nj_error *err);
// NJ_E_DENIED: a name of the directory has a NUL, which the library would show as a blank. What
// cannot be read as a directory is left to the library.
int nj_zip_check_nuls(const struct nj_zip_bytes *bytes, const struct nj_zip_claim *claim,
                      struct nj_error *err);

// A folder of the cache that is held: nobody sweeps it while the descriptor is open. Holding is by
// flock, so that it counts between programs and ends with them.
struct nj_cache_hold {
    int fd; // -1: none
    char path[NJ_ARCHIVE_PATH_MAX];
};
// `name` of the cache folder. NJ_E_NOT_FOUND: it is not there (or about to go).
int nj_cache_hold(const struct nj_archive_options *options, const char *name,
                  struct nj_cache_hold *out, struct nj_error *err);
void nj_cache_let_go(struct nj_cache_hold *hold); // accepts none
// A new, empty, held folder that only a sweep or commit ends.
int nj_cache_begin(const struct nj_archive_options *options, const char *name,
                   struct nj_cache_hold *out, struct nj_error *err);
// It becomes `name`, all at once; where that exists meanwhile, ours goes. Ends the hold.
int nj_cache_commit(const struct nj_archive_options *options, struct nj_cache_hold *hold,
                    const char *name, struct nj_error *err);
void nj_cache_abandon(struct nj_cache_hold *hold);
// Removes `name`, unless somebody holds it.
void nj_cache_discard(const struct nj_archive_options *options, const char *name);
// Removes what a crash left, and the unused beyond cache_bytes, the longest unused first.
void nj_cache_sweep(const struct nj_archive_options *options, struct nj_log *log);
// Removes a folder with everything in it, not following links.
void nj_tree_remove(const char *path);

// Warns in the archive's spec of passwords that are not to be had now: only actions would find out,
// later. NJ_E_NOMEM.
int nj_archive_try_secrets(const struct nj_archive_options *options,
                           const struct nj_archive *archive);

// As nj_archive_open for an open file; `name` is what errors call it.
int nj_archive_open_fd(const struct nj_archive_options *options, int fd, const char *name,
                       struct nj_archive **out, struct nj_error *err);
// The archive with this content from the cache. NJ_E_NOT_FOUND: it is not there.
int nj_archive_open_cached(const struct nj_archive_options *options, const char *sha256,
                           struct nj_archive **out, struct nj_error *err);

#endif
