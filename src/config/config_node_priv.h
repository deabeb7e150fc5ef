// SPDX-License-Identifier: Apache-2.0
// A read file as a tree of nodes that know where they stood.
#ifndef NJ_CONFIG_CONFIG_NODE_PRIV_H
#define NJ_CONFIG_CONFIG_NODE_PRIV_H

#include "config/config_arena_priv.h"
#include "util/error.h"

enum {
    NJ_CONFIG_FILE_MAX = 1 << 20, // bytes; far beyond what a person writes
    NJ_CONFIG_DEPTH_MAX = 16,     // mappings and lists inside each other
    NJ_CONFIG_KEYS_MAX = 1024     // keys of one mapping: duplicates are looked for pair by pair
};

// A place in a source. Line and column count from 1; line 0 means the source as a whole.
struct nj_place {
    const char *source;
    size_t line;
    size_t column;
};

enum nj_node_kind { NJ_NODE_NULL, NJ_NODE_SCALAR, NJ_NODE_LIST, NJ_NODE_MAP };

struct nj_node {
    enum nj_node_kind kind;
    struct nj_place place;
    const char *text;      // scalar
    struct nj_node *first; // children of a list or mapping, in the order of the source
    struct nj_node *last;
    struct nj_node *next; // next child of the same parent
    size_t count;         // children
    const char *key;      // in a mapping
    struct nj_place key_place;
};

struct nj_source {
    const char *name; // file path, "environment NAME" or "--set"
    const char *text;
    size_t length;
    int is_inline; // one value, not a file: places are the source as a whole
};

// Reads one YAML document (JSON is a part of YAML). *out is a mapping or list of `arena`, or NULL
// for an empty document. Refuses duplicate keys, anchors, aliases, tags, a second document, and
// what is beyond the limits above.
int nj_node_parse(struct nj_arena *arena, const struct nj_source *source, struct nj_node **out,
                  struct nj_error *err);

// Reads a whole file; one whose name ends in .json must be strict JSON. As nj_node_parse else.
int nj_node_parse_file(struct nj_arena *arena, const char *path, struct nj_node **out,
                       struct nj_error *err);

// Fills `err` with "source:line:column: what" and returns `code`.
int nj_place_error(struct nj_error *err, int code, struct nj_place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
