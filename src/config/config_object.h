// SPDX-License-Identifier: Apache-2.0
// One object described by an option table, read on its own: an entry that came through the API or
// from the store, checked as if it stood in the configuration.
#ifndef NJ_CONFIG_CONFIG_OBJECT_H
#define NJ_CONFIG_CONFIG_OBJECT_H

#include "config/options.h"
#include "util/error.h"
#include "util/json_writer.h"

struct nj_config_object; // immutable

struct nj_config_object_input {
    const struct nj_option_group *members; // must outlive the object
    const char *json;                      // an object; strict
    size_t length;
    // What comes from a client must not make this process read its environment or files: env: and
    // file: in secrets are refused without this.
    bool references;
};

// NJ_E_INVALID names the member and what is allowed; NJ_E_TOO_BIG, NJ_E_NOMEM. The caller owns
// *out. Any thread.
int nj_config_object_parse(const struct nj_config_object_input *input,
                           struct nj_config_object **out, struct nj_error *err);
void nj_config_object_destroy(struct nj_config_object *object); // accepts NULL

// The struct that the table describes; valid as long as the object.
const void *nj_config_object_values(const struct nj_config_object *object);

// The members of a struct that `members` describes, into an open object; secrets as "***" when set,
// null when empty.
void nj_config_object_write(const struct nj_option_group *members, const void *values,
                            struct nj_json_writer *writer);

enum nj_schema_use {
    NJ_SCHEMA_REQUEST, // what nj_config_object_parse takes: limits, and no other members
    NJ_SCHEMA_ANSWER,  // what nj_config_object_write gives: all members, secrets may be null
};
// The members as JSON schema, into an open object. Which members must be given depends on who reads
// and is not said.
void nj_config_object_schema(const struct nj_option_group *members, enum nj_schema_use use,
                             struct nj_json_writer *writer);

#endif
