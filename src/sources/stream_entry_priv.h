// SPDX-License-Identifier: Apache-2.0
// A copy of a source's entry with its rules, and what makes two of them the same stream.
#ifndef NJ_SOURCES_STREAM_ENTRY_PRIV_H
#define NJ_SOURCES_STREAM_ENTRY_PRIV_H

#include "sources/sources.h"
#include "util/buf.h"

struct nj_stream_entry {
    struct nj_source_entry entry; // its texts lie in `texts`
    struct nj_address_rules rules;
    bool has_rules;
    char *texts;
    const char **items; // of rules.allowed
};

// NJ_E_NOMEM. Finish with nj_stream_entry_finish, which accepts a zeroed one.
int nj_stream_entry_init(struct nj_stream_entry *copy, const struct nj_source_entry *entry,
                         const struct nj_address_rules *rules);
void nj_stream_entry_finish(struct nj_stream_entry *copy);

// Equal for equal streams; holds credentials, so it is never shown.
void nj_stream_entry_key(const struct nj_stream_entry *copy, struct nj_buf *out);

// Address without credentials, for people: the URL, or kind and path.
void nj_stream_entry_address(const struct nj_stream_entry *copy, char *out, size_t size);

#endif
