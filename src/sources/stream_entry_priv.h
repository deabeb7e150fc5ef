// SPDX-License-Identifier: Apache-2.0
// A copy of a source's entry, and what makes two of them the same stream; the address rules of all
// who use it.
#ifndef NJ_SOURCES_STREAM_ENTRY_PRIV_H
#define NJ_SOURCES_STREAM_ENTRY_PRIV_H

#include "sources/sources.h"
#include "util/buf.h"

struct nj_stream_entry {
    struct nj_source_entry entry; // its texts lie in `texts`
    char *texts;
};

// NJ_E_NOMEM. Finish with nj_stream_entry_finish, which accepts a zeroed one.
int nj_stream_entry_init(struct nj_stream_entry *copy, const struct nj_source_entry *entry);
void nj_stream_entry_finish(struct nj_stream_entry *copy);

// Equal for equal streams; holds credentials, so it is never shown.
void nj_stream_entry_key(const struct nj_stream_entry *copy, struct nj_buf *out);

// Address without credentials, for people: the URL, or kind and path.
void nj_stream_entry_address(const struct nj_stream_entry *copy, char *out, size_t size);

// What at least one of the users allows. Grows only; what it was before stays valid, because a
// capture thread may be connecting by it.
struct nj_stream_rules {
    struct nj_address_rules rules;
    struct nj_stream_rules *older;
    const char *items[]; // of rules.allowed, each its own memory
};

// *current (NULL at first) becomes one that allows what `more` allows, too; NULL allows all.
// NJ_E_NOMEM; NJ_E_FULL: too many hosts are listed.
int nj_stream_rules_widen(struct nj_stream_rules **current, const struct nj_address_rules *more);
// Whether somebody with these rules may get pictures of a stream that is open at `url` already: the
// rules are as wide as the stream's, or say all there is to say about the host without resolving.
bool nj_stream_rules_may_share(const struct nj_stream_rules *current, const char *url,
                               const struct nj_address_rules *rules);
void nj_stream_rules_finish(struct nj_stream_rules *current); // and all older ones

#endif
