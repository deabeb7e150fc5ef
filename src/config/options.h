// SPDX-License-Identifier: Apache-2.0
// Option tables: the one place where a setting, its default and its limits stand. The owner of a
// setting keeps its table beside its code; the composition root lists the groups; help text, docs,
// example file, environment names and validation are made from the tables.
#ifndef NJ_CONFIG_OPTIONS_H
#define NJ_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nj_option_type {
    NJ_OPTION_BOOL,      // bool
    NJ_OPTION_INT,       // int64_t
    NJ_OPTION_NUMBER,    // double
    NJ_OPTION_SECONDS,   // nj_us (int64_t microseconds), written in seconds, fraction allowed
    NJ_OPTION_TEXT,      // const char *, owned by the snapshot; "" when empty
    NJ_OPTION_PATH,      // const char *; "~" is not expanded; relative to the working folder
    NJ_OPTION_CHOICE,    // int: index into `choices`
    NJ_OPTION_TEXT_LIST, // struct nj_text_list; YAML list; in env and --set comma separated or a
                         // JSON list
    NJ_OPTION_OBJECTS    // struct nj_object_list: YAML list of mappings, each member given by
                         // `members` (for sources:, cameras:). A list directly under the group's
                         // name fills the group's first option of this type. A member text or list
                         // with min >= 1 and an empty fallback must be given in each mapping.
};

struct nj_text_list {
    const char *const *items;
    size_t count;
};

struct nj_object_list {
    const void *items; // array of the struct that `members` describe
    size_t count;
};

struct nj_option_group;

struct nj_option {
    const char *name; // last part of the dotted name: "window_seconds"
    const char *env;  // "BATCH_WINDOW_SECONDS"; NULL: NIGHTJAR_<GROUP>_<NAME> in capitals
    enum nj_option_type type;
    size_t offset;              // into the group's struct
    size_t group_name_offset;   // of a const char * there that is given the group's name; 0: none
    double min, max;            // numbers and seconds; texts: length; lists: count. 0, 0: no limit;
                                // max < min: no upper limit
    const char *unit;           // "s", "ms", "items", "bytes"; NULL for none
    const char *fallback;       // default as it would be written in the environment; "" for empty
    const char *const *choices; // NJ_OPTION_CHOICE: NULL-terminated
    const struct nj_option_group *members; // NJ_OPTION_OBJECTS
    bool reloadable;                       // SIGHUP may change it while running
    bool secret;                           // never shown; also accepts env:NAME and file:PATH
    const char *help;                      // one sentence, what it does and when to change it
};

struct nj_option_group {
    const char *name;  // first part of the dotted name: "batch"
    const char *title; // heading in the documents
    const struct nj_option *options;
    size_t count;
    size_t struct_size;
};

#endif
