// SPDX-License-Identifier: Apache-2.0
// Turning texts and nodes into the fields of option structs.
#ifndef NJ_CONFIG_CONFIG_VALUE_PRIV_H
#define NJ_CONFIG_CONFIG_VALUE_PRIV_H

#include "config/config_node_priv.h"
#include "config/options.h"
#include "util/buf.h"

enum { NJ_CONFIG_NAME_MAX = 160 }; // bytes of a dotted name or environment name, with the NUL

// What all values of one source share.
struct nj_binder {
    struct nj_arena *arena;                      // owns every text and list
    const struct nj_option_group *const *groups; // for suggestions
    const char *const *environment;              // for secrets of the form env:NAME; may be NULL
    bool no_references;                          // secrets of the form env: and file: are refused
    struct nj_error *err;
};

// One field about to be filled.
struct nj_binding {
    const struct nj_binder *binder;
    const struct nj_option *option;
    const char *name; // dotted, for messages
    void *field;
    struct nj_place place;
};

// Fills the struct at `base` with the table's defaults. NJ_E_INTERNAL when a default is wrong.
int nj_group_defaults(const struct nj_binder *binder, const struct nj_option_group *group,
                      void *base);

// Sets from a text as the environment writes it. A list may also be a YAML or JSON list.
int nj_value_set_text(const struct nj_binding *binding, const char *text);

// Sets from a node; a null node leaves the field alone.
int nj_value_set_node(const struct nj_binding *binding, const struct nj_node *node);

// Sets the members of a mapping. `name` is the dotted name of the mapping. *out_seen (may be NULL)
// is an array of group->count flags, set for members that were given.
int nj_group_set_node(const struct nj_binder *binder, const struct nj_option_group *group,
                      const char *name, void *base, const struct nj_node *node);

// The same for a whole object: defaults first, and members that must be given are.
int nj_object_set_node(const struct nj_binder *binder, const struct nj_option_group *members,
                       const char *name, void *base, const struct nj_node *node);

// "source:line:column: name: what" with NJ_E_INVALID.
int nj_binding_error(const struct nj_binding *binding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Checks a number, length or count against the option's limits.
int nj_value_check_range(const struct nj_binding *binding, double value);
bool nj_option_has_minimum(const struct nj_option *option);
bool nj_option_has_maximum(const struct nj_option *option);
// "1 to 100 s", "at least 1", or "" for an option without limits.
void nj_option_range_text(const struct nj_option *option, char *out, size_t size);

// Follows env:NAME and file:PATH; *out is `text` itself or of the arena.
int nj_secret_resolve(const struct nj_binding *binding, const char *text, const char **out);

const char *nj_environment_get(const char *const *environment, const char *name);

#endif
