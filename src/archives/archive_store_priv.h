// SPDX-License-Identifier: Apache-2.0
// What the files of the archive store share: notes on addresses, downloads.
#ifndef NJ_ARCHIVES_ARCHIVE_STORE_PRIV_H
#define NJ_ARCHIVES_ARCHIVE_STORE_PRIV_H

#include "archives/archive_priv.h"

enum { NJ_NOTE_TAG_SIZE = 256, NJ_NOTE_DATE_SIZE = 64 };

// What is known of an address, in a small file beside the archives.
struct nj_note {
    char etag[NJ_NOTE_TAG_SIZE], last_modified[NJ_NOTE_DATE_SIZE]; // of the content below; "" none
    char sha256[NJ_SHA256_HEX_SIZE];  // of what it gave last; "" nothing yet
    nj_us checked_us;                 // wall clock: when it was last known to give that
    char part_etag[NJ_NOTE_TAG_SIZE]; // of the download that is not whole; "" none
};

// `key` is 64 hex digits. A note that is not there or cannot be read is an empty one.
void nj_note_read(const struct nj_archive_options *options, const char *key, struct nj_note *out);
int nj_note_write(const struct nj_archive_options *options, const char *key,
                  const struct nj_note *note, struct nj_error *err);

struct nj_archive_fetcher { // what every fetch of a store needs
    const struct nj_archive_options *options;
    const struct nj_clock *clock;
    struct nj_log *log;
    struct nj_resolver *resolver;
};
// What an address gives: from the cache where it is fresh or unchanged, else downloaded. The wish
// has a sum, "" for any.
int nj_archive_fetch(const struct nj_archive_fetcher *fetcher, const struct nj_archive_wish *wish,
                     struct nj_archive **out, struct nj_error *err);

#endif
