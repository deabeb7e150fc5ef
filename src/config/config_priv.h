// SPDX-License-Identifier: Apache-2.0
// The snapshot's inside, for the files that fill, compare and write it.
#ifndef NJ_CONFIG_CONFIG_PRIV_H
#define NJ_CONFIG_CONFIG_PRIV_H

#include "config/config.h"
#include "config/config_arena_priv.h"
#include "util/ref.h"

struct nj_config_section {
    const struct nj_option_group *group;
    void *values;        // the group's struct
    const char **dotted; // one name an option
};

struct nj_config {
    struct nj_ref ref;
    struct nj_arena arena; // owns all that follows and every text in it
    struct nj_config_section *sections;
    size_t count;
};

struct nj_config_section *nj_config_section_find(const struct nj_config *config,
                                                 const struct nj_option_group *group);

#endif
