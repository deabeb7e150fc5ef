// SPDX-License-Identifier: Apache-2.0
// Model archives (MPTA): a ZIP with pipeline.json and its models, unpacked once into a folder named
// by its content. Nothing of it is executed.
#ifndef NJ_ARCHIVES_ARCHIVE_H
#define NJ_ARCHIVES_ARCHIVE_H

#include "config/options.h"
#include "loop/thread.h"
#include "net/address_rules.h"
#include "archives/spec.h"
#include "util/digest.h"
#include "util/log.h"

struct nj_archive_options {
    const char *cache_folder;      // unpacked archives and downloads
    struct nj_text_list roots;     // folders that local archives may come from
    struct nj_address_rules rules; // of model URLs
    int64_t max_archive_bytes;     // of the file
    int64_t max_unpacked_bytes;    // of all entries together
    int64_t max_entry_bytes;
    int64_t max_entries;
    double max_ratio;            // unpacked to packed, of one entry
    nj_us connect_us, total_us;  // of a download
    nj_us idle_us;               // a download without a byte for so long is broken off and resumed
    nj_us fresh_us;              // for so long an address that was fetched is not asked again
    int64_t cache_bytes;         // unused archives go, the longest unused first
    struct nj_text_list secrets; // references that archives may use: "env:NAME", "file:/folder/*"
};
extern const struct nj_option_group nj_archive_option_group; // group "archives"

struct nj_archive {                  // immutable, counted
    char sha256[NJ_SHA256_HEX_SIZE]; // of the file
    char *folder;                    // unpacked; model files and manifests lie here
    struct nj_spec *spec; // its warnings also tell of passwords that could not be had when opened
    char **manifests;     // by node index: path of the manifest of its model
};

// Unpacks and checks `path` below options->cache_folder (once per content). Errors: NJ_E_INVALID
// (path of the mistake; a name that stands twice), NJ_E_TOO_BIG (which limit), NJ_E_DENIED (names
// like "../x", symlinks), NJ_E_NOT_FOUND (a model is missing: says which node, which file, how to
// export it), NJ_E_CORRUPT (no ZIP, or a damaged one), NJ_E_UNSUPPORTED (encrypted), NJ_E_FULL (no
// room on the disk). Nothing is left in the cache on failure. The unpacked folder stays as long as
// the archive is referenced, also before other programs that share the cache. Blocking.
int nj_archive_open(const struct nj_archive_options *options, const char *path,
                    struct nj_archive **out, struct nj_error *err);
// Files of the archive are named in the error as in the archive, not by their place in the cache.
void nj_archive_shorten_error(const struct nj_archive *archive, struct nj_error *err);
struct nj_archive *nj_archive_ref(struct nj_archive *archive); // explicitly thread-safe
void nj_archive_unref(struct nj_archive *archive);             // explicitly thread-safe

enum { NJ_ARCHIVE_SECRET_MAX = 4096 }; // bytes of a password with its NUL

// The text of a password as an archive gives it: "env:NAME" and "file:/PATH" are looked up when
// options->secrets lists them (a last "*" stands for any end without a "/.." in it), else the text
// itself. NJ_E_DENIED names the option, NJ_E_NOT_FOUND the variable or file, NJ_E_TOO_BIG. Errors
// never hold the secret. Any thread.
int nj_archive_secret(const struct nj_archive_options *options, const char *reference, char *out,
                      size_t size, struct nj_error *err);

// Archives by address, for many subscribers: one download of one address at a time, unpacked once
// per content.
struct nj_archive_store; // explicitly thread-safe

int nj_archive_store_create(const struct nj_archive_options *options, const struct nj_clock *clock,
                            struct nj_log *log, struct nj_archive_store **out,
                            struct nj_error *err);
void nj_archive_store_destroy(struct nj_archive_store *store);

struct nj_archive_wish {
    const char *url;                // http, https, file, or a path below the roots
    const char *sha256;             // of the file, which must match; NULL or "" any
    const struct nj_cancel *cancel; // may be NULL; nj_archive_store_wake after it was fired
};
// Whoever waits for another's fetch looks at his cancel token. Any thread. Accepts NULL.
void nj_archive_store_wake(struct nj_archive_store *store);
// What is in the cache with the wished sum is not asked for again. A partial download is resumed;
// callers that ask for an address that is being fetched wait for it. An address that does not
// answer is served from the cache with a warning in the log when it was fetched before. Blocking:
// job threads only. Errors as above, and NJ_E_DENIED (address rules, roots), NJ_E_UNAVAILABLE,
// NJ_E_TIMEOUT, NJ_E_CANCELLED, NJ_E_CONFLICT (another checksum). Errors and log carry no
// credentials.
int nj_archive_store_get(struct nj_archive_store *store, const struct nj_archive_wish *wish,
                         struct nj_archive **out, struct nj_error *err);

// For `nightjar mpta pack`: a folder with pipeline.json into an archive, checked as by open. The
// same files give the same bytes. Hidden files are left out; folders and links in it are refused.
int nj_archive_pack(const struct nj_archive_options *options, const char *folder, const char *path,
                    struct nj_error *err);
// For `nightjar mpta convert`: the archive `from`, whose models may be missing, packed into `path`
// with the .onnx, .json and .txt (labels) that `models` has for each model file; its .pt stay
// behind.
int nj_archive_convert(const struct nj_archive_options *options, const char *from,
                       const char *models, const char *path, struct nj_error *err);

#endif
