// SPDX-License-Identifier: Apache-2.0
// Reading pipeline.json by tables: one table of members for each kind of object, read by one
// function that knows types, ranges, defaults and how to name a mistake.
#ifndef NJ_ARCHIVES_SPEC_PRIV_H
#define NJ_ARCHIVES_SPEC_PRIV_H

#include "archives/spec.h"
#include "util/nearest.h"

#include <jansson.h>

enum {
    NJ_SPEC_PATH_MAX = 256,
    NJ_SPEC_WARNINGS_MAX = 64 // further ones are only counted by the last
};

struct nj_spec_reader {
    struct nj_spec *spec;
    char path[NJ_SPEC_PATH_MAX]; // of what is being read: "pipeline.branches[1]"
    int depth;                   // of nodes
    struct nj_error *err;
};

enum nj_member_kind {
    NJ_MEMBER_TEXT, // char[size]
    NJ_MEMBER_BOOL,
    NJ_MEMBER_INT32,
    NJ_MEMBER_INT64,
    NJ_MEMBER_NUMBER,   // double
    NJ_MEMBER_SECONDS,  // nj_us
    NJ_MEMBER_CHOICE,   // int
    NJ_MEMBER_NAMES,    // struct nj_spec_names
    NJ_MEMBER_TEMPLATE, // struct nj_template *
    NJ_MEMBER_OTHER     // `read` does it
};

struct nj_member {
    const char *name;
    enum nj_member_kind kind;
    bool required;
    size_t offset;
    size_t size;               // of a text, with its NUL
    double min, max;           // numbers; lengths of texts and lists. 0, 0: no limit of its own
    double fallback;           // of bools, numbers, choices
    const char *text_fallback; // of texts and templates; NULL: ""
    const char *const *choices;
    // Says what is allowed when the text is not; NULL when it is.
    const char *(*wrong)(const char *text);
    int (*read)(struct nj_spec_reader *reader, const json_t *value, void *object);
    const char *note; // a warning to whoever gives this member
};

struct nj_members {
    const struct nj_member *items;
    size_t count;
};

// Fills defaults and members of `object`; unknown keys are mistakes. The path is that of `json`.
int nj_spec_read(struct nj_spec_reader *reader, const struct nj_members *members,
                 const json_t *json, void *object);

// The place below the present one while a part is read; `name` NULL: an index.
struct nj_spec_place {
    size_t length; // of the path before
};
struct nj_spec_place nj_spec_enter(struct nj_spec_reader *reader, const char *name, size_t index);
void nj_spec_leave(struct nj_spec_reader *reader, struct nj_spec_place place);

// "path: text" as error or as warning.
int nj_spec_fail(const struct nj_spec_reader *reader, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int nj_spec_warn(struct nj_spec_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// `count` zeroed items of a list in *out, which the spec frees.
int nj_spec_make(const struct nj_spec_reader *reader, size_t count, size_t size, void **out);

// The nearest of the words, as ", did you mean 'x'?", or "".
struct nj_spec_hint {
    char text[NJ_NEAREST_SIZE + 32];
};
struct nj_spec_hint nj_spec_suggest(const char *word, const struct nj_members *members);

// Checks of texts, for `wrong`.
const char *nj_spec_wrong_identifier(const char *text); // of a column
bool nj_spec_is_identifier(const char *text, size_t length);

// Members of node, action and server objects.
int nj_spec_read_node(struct nj_spec_reader *reader, const json_t *json, struct nj_spec_node *node);
int nj_spec_read_actions(struct nj_spec_reader *reader, const json_t *json,
                         struct nj_spec_action **out, size_t *out_count);
void nj_spec_finish_actions(struct nj_spec_action *actions, size_t count);
int nj_spec_read_redis(struct nj_spec_reader *reader, const json_t *json, void *object);
int nj_spec_read_postgresql(struct nj_spec_reader *reader, const json_t *json, void *object);

// What can only be judged with the whole tree: ids twice, branches that are waited for, names in
// templates.
int nj_spec_check(struct nj_spec_reader *reader);

// Calls `see` for each node, parents first; stops at the first that does not return 0.
int nj_spec_each(struct nj_spec_node *node, int (*see)(struct nj_spec_node *node, void *arg),
                 void *arg);

#endif
