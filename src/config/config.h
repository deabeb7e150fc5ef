// SPDX-License-Identifier: Apache-2.0
// Configuration: file (YAML or JSON), then environment, then --set, checked against option tables
// into an immutable, counted snapshot. Readers hold a snapshot; a reload makes a new one.
#ifndef NJ_CONFIG_CONFIG_H
#define NJ_CONFIG_CONFIG_H

#include "config/options.h"
#include "util/buf.h"
#include "util/error.h"

struct nj_config;

struct nj_config_input {
    const struct nj_option_group *const *groups; // NULL-terminated; must outlive the snapshot
    const char *file_path;                       // NULL: none
    const char *const *environment;              // NULL-terminated NAME=VALUE (environ), or NULL
    const char *const *sets;                     // NULL-terminated "group.name=value", or NULL
    const char *const *defaults; // as sets, instead of the tables' own; file and all else win
};

// Reads and checks everything; reports the first mistake as "file:line:column: group.name: what is
// wrong, what is allowed" (environment and --set name themselves as the place). Unknown keys are
// errors with the nearest known name; in the environment that holds for names that begin with
// NIGHTJAR_. The caller owns *out. Limits: file 1 MiB, depth 16, 1024 keys a mapping; YAML anchors,
// aliases, tags, duplicate keys and further documents are refused; a file named *.json must be
// strict JSON. NJ_E_INVALID, NJ_E_TOO_BIG, NJ_E_NOMEM, the file's NJ_E_NOT_FOUND, NJ_E_DENIED and
// NJ_E_IO, or NJ_E_INTERNAL when a table's own default is wrong.
int nj_config_load(const struct nj_config_input *input, struct nj_config **out,
                   struct nj_error *err);

struct nj_config *nj_config_ref(struct nj_config *config); // explicitly thread-safe
void nj_config_unref(struct nj_config *config);            // explicitly thread-safe; accepts NULL

// The group's struct, filled; valid as long as the snapshot. `group` must be one of the input's.
const void *nj_config_get(const struct nj_config *config, const struct nj_option_group *group);

// True when the two snapshots differ in the group; *out_fixed (may be NULL) gets the dotted name of
// the first differing option that is not reloadable, or NULL.
bool nj_config_changed(const struct nj_config *before, const struct nj_config *after,
                       const struct nj_option_group *group, const char **out_fixed);

// All values as one JSON object {group: {name: value}}; secrets as "***" when set, null when empty.
void nj_config_to_json(const struct nj_config *config, struct nj_buf *out);

// Documents made from the tables.
void nj_config_help(const struct nj_option_group *const *groups, struct nj_buf *out);     // text
void nj_config_markdown(const struct nj_option_group *const *groups, struct nj_buf *out); // docs
void nj_config_example(const struct nj_option_group *const *groups, struct nj_buf *out);  // YAML

#endif
